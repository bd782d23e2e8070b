//! A small, fast random generator whose values follow from its seed (SplitMix64).

/// The state of the generator.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator of its own for each pair of seed and stream.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        random.bits();
        random
    }

    /// Returns 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Returns a number below `bound`, which is not 0. The bias of under `bound` / 2^64 does not matter here.
    pub fn below(&mut self, bound: u32) -> u32 {
        let product = u128::from(self.bits()) * u128::from(bound);
        u32::try_from(product >> 64).expect("the upper half is below the bound")
    }

    /// Returns a number from 0 up to, not including, 1.
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
        let bits = (self.bits() >> 11) as f64;
        bits / (1_u64 << 53) as f64
    }

    /// Returns one of `choices`, which are not empty.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let count = u32::try_from(choices.len()).expect("choices are short lists of this crate");
        choices[self.below(count) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        let values = |seed, stream| {
            let mut random = Random::new(seed, stream);
            (0..4).map(|_| random.bits()).collect::<Vec<_>>()
        };
        assert_eq!(values(7, 1), values(7, 1));
        assert_ne!(values(7, 1), values(7, 2));
        assert_ne!(values(7, 1), values(8, 1));
    }

    #[test]
    fn below_reaches_every_value_and_not_the_bound() {
        let mut random = Random::new(1, 1);
        let mut seen = [0_u32; 7];
        for _ in 0..7_000 {
            seen[random.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| count > 800), "{seen:?}");
    }
}
