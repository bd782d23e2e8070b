//! Blocks that configure the agent itself.

use longship_syntax::ast::Block;

use crate::graph::{Body, Context, Receiver, one_of};
use crate::log::{Format, Level};

/// What the `logging` block says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// Lines below it are left out.
    pub level: Level,
    /// The form of a line.
    pub format: Format,
}

/// Reads a `logging` block.
pub(crate) fn decode_logging(block: &Block, context: &mut Context<'_>) -> Logging {
    let mut logging = Logging::default();
    let mut body = Body::of(block, context);
    if let Some(level) = body.spanned::<String>("level", context) {
        let levels = [("debug", Level::Debug), ("info", Level::Info), ("warn", Level::Warn), ("error", Level::Error)];
        match one_of(&level.value, &levels, "log level") {
            Ok(level) => logging.level = level,
            Err(message) => context.error(level.span, message),
        }
    }
    if let Some(format) = body.spanned::<String>("format", context) {
        match one_of(&format.value, &[("logfmt", Format::Logfmt), ("json", Format::Json)], "log format") {
            Ok(format) => logging.format = format,
            Err(message) => context.error(format.span, message),
        }
    }
    if let Some(destination) = body.spanned::<String>("destination", context)
        && let Err(message) = one_of(&destination.value, &[("stderr", ())], "log destination")
    {
        context.error(destination.span, message);
    }
    if let Some(receivers) = body.spanned::<Vec<Receiver>>("write_to", context).filter(|list| !list.value.is_empty()) {
        context.unsupported(receivers.span, "attribute \"write_to\"");
    }
    body.finish(context);
    logging
}

/// Reads a `livedebugging` block. There is nothing to debug live in this version, whatever it says.
pub(crate) fn decode_live_debugging(block: &Block, context: &mut Context<'_>) {
    let mut body = Body::of(block, context);
    body.optional::<bool>("enabled", context);
    body.finish(context);
}
