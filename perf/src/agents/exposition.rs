//! Reads Prometheus' text form.

/// Adds up all series of a metric; `None` without any.
pub(super) fn sum(exposition: &str, metric: &str) -> Option<u64> {
    let values = exposition.lines().filter_map(|line| {
        let rest = line.strip_prefix(metric)?;
        let value = if rest.starts_with('{') { rest.rsplit_once('}')?.1 } else { rest };
        value.strip_prefix(' ')?.split(' ').next()?.parse::<f64>().ok()
    });
    values.map(whole).reduce(|sum, value| sum + value)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counters are whole and not negative")]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn series_are_added_up() {
        let text = "# TYPE a counter\na{host=\"x\",tenant=\"}\"} 3\na{host=\"y\"} 1e3 1700000000\na_b 7\nb 5\n";
        assert_eq!(sum(text, "a"), Some(1_003));
        assert_eq!(sum(text, "b"), Some(5));
        assert_eq!(sum(text, "c"), None);
    }
}
