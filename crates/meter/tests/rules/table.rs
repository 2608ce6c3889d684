//! Tables of `docs/meter.md`.

/// A row of a table.
pub struct Row {
    /// Its line in the file, from 1.
    pub line: usize,
    /// Its cells, without the blanks around them.
    pub cells: Vec<String>,
}

/// The rows of all tables with these columns.
pub fn read(columns: &[&str]) -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/meter.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut rows = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        let Some(cells) = cells(line) else {
            inside = false;
            continue;
        };
        if cells == columns {
            inside = true;
        } else if inside && !cells.iter().all(|cell| cell.trim_matches(['-', ':']).is_empty()) {
            assert_eq!(cells.len(), columns.len(), "line {} of docs/meter.md", number + 1);
            rows.push(Row { line: number + 1, cells });
        }
    }
    assert!(!rows.is_empty(), "docs/meter.md has no table with the columns {columns:?}");
    rows
}

fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|cell| cell.trim().replace('`', "")).collect())
}
