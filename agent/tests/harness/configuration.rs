//! Configurations as a user would write them.

/// From files to an endpoint.
pub(crate) struct Route<'a> {
    /// The label of its components, and the value of the label `job`.
    pub(crate) name: &'a str,
    /// The files.
    pub(crate) glob: String,
    /// The blocks of `loki.process`; without any there is no such component.
    pub(crate) stages: &'a str,
    /// The attributes and blocks of `endpoint`.
    pub(crate) endpoint: String,
}

impl Route<'_> {
    /// The route's components.
    pub(crate) fn text(&self) -> String {
        let Self { name, glob, stages, endpoint } = self;
        let write = format!("loki.write.{name}.receiver");
        let (receiver, process) = if stages.is_empty() {
            (write, String::new())
        } else {
            let process = format!("loki.process \"{name}\" {{\n\tforward_to = [{write}]\n\t{stages}\n}}\n\n");
            (format!("loki.process.{name}.receiver"), process)
        };
        format!(
            r#"local.file_match "{name}" {{
	path_targets = [{{ __path__ = "{glob}", job = "{name}" }}]
	sync_period  = "200ms"
}}

loki.source.file "{name}" {{
	targets    = local.file_match.{name}.targets
	forward_to = [{receiver}]
}}

{process}loki.write "{name}" {{
	endpoint {{
		{endpoint}
	}}
}}

"#
        )
    }
}

/// The attributes of an endpoint that is sent what there is after 50 ms, followed by others.
pub(crate) fn endpoint(push_url: &str, others: &str) -> String {
    format!("url = \"{push_url}\"\n\t\tbatch_wait = \"50ms\"\n\t\t{others}")
}

/// The label set of a route's stream, as Loki writes it. `stream` is what `stage.cri` and `stage.docker` add.
pub(crate) fn labels(filename: &std::path::Path, job: &str, stream: Option<&str>) -> String {
    let stream = stream.map_or_else(String::new, |stream| format!(", stream=\"{stream}\""));
    format!("{{filename=\"{}\", job=\"{job}\"{stream}}}", filename.display())
}
