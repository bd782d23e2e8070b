//! Text of the configuration language in, tree and diagnostics out.
