//! Files under `tests/data`, with the errors they must give in comments.
//!
//! `/* error: text */` stands behind the token at which the parser must report `text`, `/* error behind: text */` where
//! the error is at the first byte behind that token, `// error at end: text` where it is at the end of the file. Every
//! error must have its comment, and the other way round.

use std::collections::BTreeSet;
use std::path::Path;

use longship_syntax::{FileId, Lexer, SourceMap, Span, Style, TokenKind, parse_file, render};

#[test]
fn files_give_the_errors_in_their_comments() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut sources = SourceMap::new();
        let file = sources.add(&name, std::fs::read(&path).unwrap());

        let (_, diagnostics) = parse_file(&sources, file);
        let found: BTreeSet<_> =
            diagnostics.iter().map(|diagnostic| diagnostic.one_line(&sources).to_string()).collect();
        let printed = render(&diagnostics, &sources, Style::Plain);
        assert_eq!(found, expected(&sources, file), "{printed}");
        files += 1;
    }
    assert!(files >= 6, "only {files} files");
}

/// Returns the errors that the comments of a file ask for, in one line each.
fn expected(sources: &SourceMap, file: FileId) -> BTreeSet<String> {
    let mut expected = BTreeSet::new();
    let mut lexer = Lexer::new(sources, file);
    // The last token that is no comment.
    let mut last = lexer.next_token();
    loop {
        let token = lexer.next_token();
        if token.kind == TokenKind::Eof {
            return expected;
        }
        if token.kind == TokenKind::Comment {
            let comment = sources.text(Span::new(file, token.start..token.end)).into_owned();
            let comment = comment.trim_start_matches(['/', '*']).trim_end_matches("*/").trim();
            let end = sources.source(file).bytes().len();
            let prefixes = [("error:", last.start), ("error behind:", last.end), ("error at end:", end)];
            expected.extend(prefixes.iter().filter_map(|(prefix, offset)| {
                let message = comment.strip_prefix(prefix)?.trim();
                Some(format!("{}: {message}", sources.position(Span::point(file, *offset))))
            }));
        } else if token.kind != TokenKind::Terminator {
            last = token;
        }
    }
}
