//! What the control plane decided, flat: every shard runs one [`Plan`], and nothing in it has to be looked up by name.
//!
//! The control plane lowers its component graph to this once, when a configuration is loaded. Indexes take the place of
//! references: a [`Route`] names its [`Write`] by [`WriteIndex`], a [`Target`] its [`Source`] by [`SourceIndex`]. Only
//! targets change while a plan runs ([`crate::Pipeline::set_targets`]).

use std::path::PathBuf;
use std::time::Duration;

/// A label set or another list of names with values, sorted by name and without double names.
pub type Labels = Vec<(String, String)>;

/// Everything the data plane is to do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Components that yield records, in the order of their [`SourceIndex`].
    pub sources: Vec<Source>,
    /// Components that entries end at, in the order of their [`WriteIndex`].
    pub writes: Vec<Write>,
}

/// The place of a [`Source`] in [`Plan::sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceIndex(pub u16);

/// The place of a [`Write`] in [`Plan::writes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WriteIndex(pub u16);

/// A `loki.source.file` component.
#[derive(Clone, Debug)]
pub struct Source {
    /// The component's id, such as `loki.source.file.pods`; part of every position's key.
    pub component_id: String,
    /// Start a file that has no position at its end instead of its beginning.
    pub tail_from_end: bool,
    /// One route for each path through the graph from this component to a [`Write`].
    pub routes: Vec<Route>,
}

/// One path through the graph: the stages on it, in order, and where it ends.
#[derive(Clone, Debug)]
pub struct Route {
    /// The stages of all `loki.process` components on the path.
    pub stages: Vec<Stage>,
    /// Where the path ends.
    pub write: WriteIndex,
}

/// One step of `loki.process`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `stage.cri`: takes apart the lines a CRI runtime writes and joins partial ones.
    Cri {
        /// A joined record is cut to this many bytes; `None` leaves it whole.
        partial_bytes_max: Option<u64>,
    },
    /// `stage.docker`: takes apart the JSON lines of Docker's `json-file` driver.
    Docker,
    /// `stage.static_labels`: sets labels.
    StaticLabels(Labels),
}

/// A `loki.write` or `loki.echo` component.
#[derive(Clone, Debug)]
pub struct Write {
    /// The component's id, such as `loki.write.default`.
    pub component_id: String,
    /// Added to every entry that has no label of that name.
    pub external_labels: Labels,
    /// Every entry goes to each of these.
    pub destinations: Vec<Destination>,
}

/// Where batches go, and how they are cut.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Tells the destinations of one [`Write`] apart over a restart: the endpoint's `name`, else its place in the list.
    pub name: String,
    /// A batch is sent at the latest this long after its first entry.
    pub batch_wait: Duration,
    /// A batch is closed before its lines would exceed this many bytes (labels and times are not counted).
    pub batch_bytes_max: usize,
    /// What takes the batches.
    pub kind: DestinationKind,
}

/// What takes the batches of a [`Destination`].
#[derive(Clone, Debug)]
pub enum DestinationKind {
    /// Loki's push endpoint.
    Loki(Box<Endpoint>),
    /// `loki.echo`: the agent's own log ([`crate::Event::Echo`]).
    Echo,
}

/// Loki's push endpoint and how to speak to it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The whole address, `http` or `https`, with path.
    pub url: String,
    /// The value of `X-Scope-OrgID`; empty for none.
    pub tenant_id: String,
    /// Further request headers. The standard ones win over these.
    pub headers: Labels,
    /// The value of `User-Agent`.
    pub user_agent: String,
    /// How a request proves who it comes from.
    pub authentication: Authentication,
    /// How an `https` address is trusted.
    pub tls: Tls,
    /// A request that is not answered after this long has failed.
    pub request_timeout: Duration,
    /// What is done about refusals that may pass.
    pub retry: Retry,
}

/// How a request proves who it comes from. Files are read again for every connection.
#[derive(Clone, Debug, Default)]
pub enum Authentication {
    /// It does not.
    #[default]
    None,
    /// HTTP basic authentication.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// `Authorization: <scheme> <credentials>`; the scheme of a bearer token is `Bearer`.
    Header {
        /// The first word of the header's value.
        scheme: String,
        /// The rest of it.
        credentials: Secret,
    },
}

/// A secret given in the configuration or read from a file when it is used. `Debug` never shows it.
#[derive(Clone)]
pub enum Secret {
    /// The secret itself.
    Inline(String),
    /// The file that holds it; white space around it is cut off.
    File(PathBuf),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inline(_) => f.write_str("(secret)"),
            Self::File(path) => write!(f, "(secret in {})", path.display()),
        }
    }
}

/// How an `https` address is trusted and how we show who we are.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Authorities to trust, as PEM, in place of the system's.
    pub ca: Option<Pem>,
    /// Our certificate and its private key.
    pub identity: Option<(Pem, Pem)>,
    /// The name the server's certificate must be for, in place of the address's.
    pub server_name: Option<String>,
    /// Trust any certificate.
    pub insecure_skip_verify: bool,
    /// Refuse TLS 1.2.
    pub tls13_only: bool,
}

/// PEM text from the configuration, or the file that holds it.
#[derive(Clone)]
pub enum Pem {
    /// The text itself.
    Inline(String),
    /// The file, read again for every connection.
    File(PathBuf),
}

impl std::fmt::Debug for Pem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inline(_) => f.write_str("(PEM)"),
            Self::File(path) => write!(f, "(PEM in {})", path.display()),
        }
    }
}

/// What is done about network errors, 5xx and 429.
#[derive(Clone, Debug)]
pub struct Retry {
    /// The first pause; each further one is twice as long.
    pub backoff_min: Duration,
    /// No pause is longer.
    pub backoff_max: Duration,
    /// A batch that was sent this often is dropped and counted. `None`: it is sent until it is taken, because the file
    /// still holds the data.
    pub attempts_max: Option<u32>,
    /// Treat 429 as a refusal that may pass; else it drops the batch.
    pub retry_on_429: bool,
}

/// A file to follow and the labels of what it yields.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The file, absolute. It need not exist yet.
    pub path: PathBuf,
    /// The public labels (none begins with `__`), sorted by name, `filename` among them.
    pub labels: Labels,
}
