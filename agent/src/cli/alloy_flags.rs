//! The flags of `alloy run` that have no effect here.
//!
//! They are accepted with Alloy's values, so that an Alloy container's arguments work after a change of image. Where one
//! asks for something that this agent does not do, that is one of the warnings in the log.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::quantity;

/// What the flags ask for in vain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AlloyFlags {
    warnings: Vec<String>,
}

/// One flag.
struct Flag {
    name: &'static str,
    takes: Takes,
    default: &'static str,
    /// What to say if the value is not the default.
    warning: Option<&'static str>,
}

/// What a flag takes.
#[derive(Clone, Copy)]
enum Takes {
    /// `--flag`, `--flag=true` or `--flag=false`
    Bool,
    Number,
    Duration,
    Text,
    /// One of these.
    OneOf(&'static [&'static str]),
}

const NO_CLUSTER: &str =
    "clustering is not supported: every instance reads and ships all of its targets, none are distributed";
const NO_UI: &str = "this version has no user interface";
const NO_GRAPHQL: &str = "there is no GraphQL endpoint";

/// A flag that may have any value without a difference.
const fn silent(name: &'static str, takes: Takes, default: &'static str) -> Flag {
    Flag { name, takes, default, warning: None }
}

/// A flag that asks for something in vain if its value is not the default.
const fn warned(name: &'static str, takes: Takes, default: &'static str, warning: &'static str) -> Flag {
    Flag { name, takes, default, warning: Some(warning) }
}

const LEVELS: &[&str] = &["experimental", "public-preview", "generally-available"];

const FLAGS: [Flag; 28] = [
    warned("cluster.enabled", Takes::Bool, "false", NO_CLUSTER),
    silent("cluster.advertise-address", Takes::Text, ""),
    silent("cluster.advertise-interfaces", Takes::Text, "eth0,en0"),
    silent("cluster.discover-peers", Takes::Text, ""),
    silent("cluster.enable-tls", Takes::Bool, "false"),
    silent("cluster.join-addresses", Takes::Text, ""),
    silent("cluster.max-join-peers", Takes::Number, "5"),
    silent("cluster.name", Takes::Text, ""),
    silent("cluster.node-name", Takes::Text, ""),
    silent("cluster.rejoin-interval", Takes::Duration, "60s"),
    silent("cluster.tls-ca-path", Takes::Text, ""),
    silent("cluster.tls-cert-path", Takes::Text, ""),
    silent("cluster.tls-key-path", Takes::Text, ""),
    silent("cluster.tls-server-name", Takes::Text, ""),
    silent("cluster.wait-for-size", Takes::Number, "0"),
    silent("cluster.wait-timeout", Takes::Duration, "0"),
    silent("config.bypass-conversion-errors", Takes::Bool, "false"),
    silent("config.extra-args", Takes::Text, ""),
    silent("config.format", Takes::OneOf(&["alloy"]), "alloy"),
    silent("disable-reporting", Takes::Bool, "false"),
    silent("feature.community-components.enabled", Takes::Bool, "false"),
    silent("server.http.disable-support-bundle", Takes::Bool, "false"),
    warned("server.http.enable-graphql", Takes::Bool, "false", NO_GRAPHQL),
    warned("server.http.enable-graphql-playground", Takes::Bool, "false", NO_GRAPHQL),
    silent("server.http.enable-pprof", Takes::Bool, "true"),
    silent("server.http.memory-addr", Takes::Text, "alloy.internal:12345"),
    warned("server.http.ui-path-prefix", Takes::Text, "/", NO_UI),
    // Everything this version has is generally available.
    silent("stability.level", Takes::OneOf(LEVELS), "generally-available"),
];

impl AlloyFlags {
    /// Returns what the flags ask for in vain.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Args for AlloyFlags {
    fn augment_args(command: Command) -> Command {
        let command = command.next_help_heading("Flags of Alloy that are accepted and have no effect");
        FLAGS.iter().fold(command, |command, flag| command.arg(flag.argument())).next_help_heading(None)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for AlloyFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let warning = |flag: &Flag| {
            let value = matches.get_one::<String>(flag.name).filter(|value| value.as_str() != flag.default)?;
            Some(format!("--{}={value}: {}", flag.name, flag.warning?))
        };
        Ok(Self { warnings: FLAGS.iter().filter_map(warning).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Flag {
    fn argument(&self) -> Arg {
        let argument = Arg::new(self.name).long(self.name).action(ArgAction::Set).default_value(self.default);
        match self.takes {
            Takes::Bool => argument
                .value_name("BOOL")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true")
                .value_parser(["true", "false"]),
            Takes::Number => argument.value_name("N").value_parser(number),
            Takes::Duration => argument.value_name("DURATION").value_parser(duration),
            Takes::Text => argument.value_name("TEXT").hide_default_value(self.default.is_empty()),
            Takes::OneOf(values) => argument.value_name("NAME").value_parser(values.to_vec()),
        }
    }
}

fn number(text: &str) -> Result<String, std::num::ParseIntError> {
    text.parse::<u64>().map(|_| text.to_owned())
}

fn duration(text: &str) -> Result<String, String> {
    quantity::duration(text).map(|_| text.to_owned())
}
