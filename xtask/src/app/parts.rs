//! The script that loads parts of the program, as `wasm_split_cli_support` makes it.
//!
//! It and the script of wasm-bindgen import one another. Since the name of each has a hash of what is in it, they are made one.

use super::bundle::Parts;
use std::ops::Range;

/// What the name of a function begins with that loads a part.
const LOADER: &str = "export const __wasm_split_load_";
/// What the script that loads parts has of the other one.
const INIT: &str = "import { initSync } from ";

/// A part of the file `url`, which is loaded once for all, as if it had been loaded alone.
const GATHER: &str = "
let gathering;
const gather = async (url, from, to) => {
    gathering ??= fetch(url).then(answer => answer.ok ? answer.arrayBuffer() : Promise.reject(new Error(`HTTP ${answer.status}`)));
    try {
        return new Response((await gathering).slice(from, to), { headers: { 'content-type': 'application/wasm' } });
    } catch (why) {
        // The next time it is asked for again.
        gathering = undefined;
        throw why;
    }
};";

/// The script `link`, which loads parts, taking each of `small` from its place in the file `url` where they are all gathered.
pub fn gathered(link: &str, small: &[(&String, Range<usize>)], url: &str) -> String {
    let alone = |name: &str| format!("fetch(new URL(\"./{name}\", import.meta.url))");
    let taken =
        |Range { start, end }: &Range<usize>| format!("gather(new URL(\"{url}\", import.meta.url), {start}, {end})");
    let link = small.iter().fold(link.to_owned(), |link, (name, at)| link.replace(&alone(name), &taken(at)));
    format!("{link}\n{GATHER}\n")
}

/// The script `script` of wasm-bindgen with the script `link`, which it imports by the name `name`, in it.
pub fn joined(script: &str, link: &str, name: &str) -> String {
    let import = |line: &str| line.starts_with("import ") && line.contains(&format!("\"./{name}\""));
    let imported = script.lines().filter(|line| import(line)).filter_map(|line| line.split_whitespace().nth(3));
    let imported: Vec<_> = imported.collect();
    let loaders: Vec<_> = link.lines().filter_map(loader).map(|part| format!("__wasm_split_load_{part}")).collect();
    let script = script.lines().filter(|line| !import(line));
    let link = link.lines().filter(|line| !line.starts_with(INIT)).map(|line| line.trim_start_matches("export "));
    let mut joined: Vec<_> = script.chain(link).map(str::to_owned).collect();
    joined.extend(imported.iter().map(|one| format!("const {one} = {{ {} }};", loaders.join(", "))));
    joined.join("\n")
}

/// The WebAssembly that each part needs, by the names that the script `link` has for it.
pub fn needed(link: &str) -> Parts {
    let mut parts = Parts::new();
    let (mut chunks, mut file) = (Vec::new(), None);
    let mut making = None;
    for line in link.lines() {
        if let Some(chunk) = line.strip_prefix("const __chunk_") {
            making = Some(Err(format!("__chunk_{}", chunk.split(' ').next().unwrap_or_default())));
        } else if let Some(part) = loader(line) {
            making = Some(Ok(part.to_owned()));
        } else if let Some((_, rest)) = line.split_once("new URL(\"/app/") {
            file = rest.split('"').next().map(str::to_owned);
        }
        // The last line of each names the chunks that must be there before.
        let Some(after) = line.split_once(", [").and_then(|(_, after)| after.split(']').next()) else { continue };
        match making.take() {
            Some(Err(chunk)) => chunks.extend(file.take().map(|file| (chunk, file))),
            Some(Ok(part)) => {
                let of_chunks = chunks.iter().filter(|(chunk, _)| after.split(", ").any(|one| one == chunk));
                let files = of_chunks.map(|(_, file)| file.clone()).chain(file.take()).collect();
                parts.insert(part, files);
            }
            None => {}
        }
    }
    parts
}

/// The part that a line begins to define a loader of.
fn loader(line: &str) -> Option<&str> {
    line.strip_prefix(LOADER)?.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "\
import { initSync } from \"./app.js\";

/* a, b */
const __chunk_3 = makeLoad(() => {
    const src = fetch(new URL(\"/app/chunk_3.0a.wasm\", import.meta.url));
    return async (imports) => (WebAssembly.instantiateStreaming(src, imports));
}
, []);
export const __wasm_split_load_b = wrapAsyncCb(makeLoad(() => {
    const src = fetch(new URL(\"/app/split_b.0b.wasm\", import.meta.url));
    return async (imports) => (WebAssembly.instantiateStreaming(src, imports));
}
, [__chunk_3]));
export const __wasm_split_load_a = wrapAsyncCb(makeLoad(() => async (_imp) => ({}), []));
";

    #[test]
    fn a_part_needs_its_own_file_and_what_it_shares() {
        let needed = needed(LINK);
        assert_eq!(needed["b"], ["chunk_3.0a.wasm", "split_b.0b.wasm"]);
        assert!(needed["a"].is_empty());
        assert_eq!(needed.len(), 2);
    }

    #[test]
    fn small_pieces_come_from_one_file() {
        let link = LINK.replace("/app/chunk_3.0a.wasm", "./chunk_3.wasm");
        let link = gathered(&link, &[(&"chunk_3.wasm".to_owned(), 5..9)], "/app/shared.0d.bin");
        assert!(link.contains("const src = gather(new URL(\"/app/shared.0d.bin\", import.meta.url), 5, 9);"), "{link}");
        assert!(!link.contains("./chunk_3.wasm") && link.contains("const gather = async (url, from, to)"));
        assert_eq!(needed(&link)["b"], ["shared.0d.bin", "split_b.0b.wasm"]);
    }

    #[test]
    fn two_scripts_become_one() {
        let script =
            "import * as import1 from \"./link.js\"\nconst imports = { \"./link.js\": import1 };\nexport { initSync };";
        let joined = joined(script, LINK, "link.js");
        assert!(!joined.contains("import *") && !joined.contains("./app.js") && !joined.contains("export const"));
        assert!(joined.starts_with("const imports") && joined.contains("\nconst __wasm_split_load_b = wrap"));
        assert!(joined.ends_with("const import1 = { __wasm_split_load_b, __wasm_split_load_a };"), "{joined}");
    }
}
