//! Puts the app's files together under names that tell what is in them.
//!
//! What people write names a file of the app as `/app/style.css`; the built files name it `/app/style.<hash>.css`. In
//! `index.html`, `{{messages}}` becomes a JSON object from languages to the paths of their texts, and `{{opening-slow}}` the
//! message of that name in every language, since the page cannot know yet which one is read; in `sw.js`, `{{files}}`
//! becomes a JSON list of the paths of all files of the app and `{{build}}` a name for exactly this build.

use super::names::{files, hash, with_hash};
use super::tools::remove;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The script that wasm-bindgen makes.
pub const SCRIPT: &str = "coinless-app.js";
/// The WebAssembly that it makes.
pub const WASM: &str = "coinless-app_bg.wasm";
/// The script that loads parts of the program, as the splitter makes it.
const LINK: &str = "__wasm_split.js";
/// The pieces that parts of the program share and that are smaller than [`SMALL_BYTES`], one behind the other.
const GATHERED: &str = "shared.bin";
/// A shared piece that is smaller is no file of its own: asking for one takes longer than loading some that are not needed.
const SMALL_BYTES: usize = 1_500;
/// What the folder of texts is called in the app.
pub const MESSAGES: &str = "messages/";
/// The page.
pub const PAGE: &str = "index.html";
/// The service worker.
pub const WORKER: &str = "sw.js";

/// The message that the page itself has, for when the program does not come.
pub const SLOW: &str = "opening-slow";

/// What keeps its name, since browsers ask for it by that: each may name what is in the app.
const FIXED: [&str; 3] = [PAGE, WORKER, "manifest.webmanifest"];

/// The files of the app so far.
#[derive(Default)]
struct Bundle {
    /// What is in a file, by the name under which it is served.
    served: BTreeMap<String, Vec<u8>>,
    /// Names with a hash by those without, all below `/app/`.
    named: BTreeMap<String, String>,
    parts: Parts,
}

/// The files of the app that each part of its program needs, as they are served, by the part's name.
pub type Parts = BTreeMap<String, Vec<String>>;

/// Writes the app into the new folder `out`: `bound` has what wasm-bindgen made, `fixed` what people wrote, `messages` the texts.
/// Gives the program's parts.
///
/// # Errors
/// What cannot be read or written, or a name of a file that is not there.
pub fn write(bound: &Path, fixed: &Path, messages: &Path, out: &Path) -> Result<Parts, String> {
    let mut bundle = Bundle::default();
    let mut sheets = Vec::new();
    for name in files(fixed)? {
        if name.ends_with(".css") {
            sheets.push(name);
        } else if !FIXED.contains(&name.as_str()) {
            bundle.add(&name, read(&fixed.join(&name))?);
        }
    }
    for name in files(messages)? {
        bundle.add(&format!("{MESSAGES}{name}"), read(&messages.join(&name))?);
    }
    // Each after all that it may name.
    for name in sheets {
        let text = bundle.resolved(&name, &text(&fixed.join(&name))?)?;
        bundle.add(&name, text.into_bytes());
    }
    bundle.add_bound(bound)?;

    let pages = FIXED.iter().map(|name| Ok((*name, bundle.resolved(name, &text(&fixed.join(name))?)?)));
    let pages = pages.collect::<Result<Vec<_>, String>>()?;
    let paths: Vec<_> = bundle.named.values().map(|name| format!("\"/app/{name}\"")).collect();
    let parts: Vec<_> = pages
        .iter()
        .map(|(_, text)| text.as_bytes())
        .chain([paths.join("\n").as_bytes()])
        .map(<[u8]>::to_vec)
        .collect();
    let build = hash(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
    for (name, text) in pages {
        let text = match name {
            PAGE => {
                let slow = bundle.in_every_language(SLOW)?;
                text.replace("{{messages}}", &bundle.messages()).replace(&format!("{{{{{SLOW}}}}}"), &slow)
            }
            WORKER => text.replace("{{files}}", &format!("[{}]", paths.join(", "))).replace("{{build}}", &build),
            _ => text,
        };
        if let Some(left) = text.find("{{") {
            return Err(format!(
                "{name} has a mark that nothing is known for: {}",
                &text[left..].lines().next().unwrap_or("")
            ));
        }
        bundle.served.insert(name.to_owned(), text.into_bytes());
    }
    bundle.write(out)?;
    Ok(bundle.parts)
}

impl Bundle {
    /// Takes a file of the app that is named `name` below `/app/`.
    fn add(&mut self, name: &str, bytes: Vec<u8>) {
        let with_hash = with_hash(name, &bytes);
        self.served.insert(format!("app/{with_hash}"), bytes);
        self.named.insert(name.to_owned(), with_hash);
    }

    /// Takes what wasm-bindgen and the splitter made: the WebAssembly, scripts that crates bring along, and the script that
    /// starts it all.
    fn add_bound(&mut self, bound: &Path) -> Result<(), String> {
        let names = files(bound)?;
        let mut script = text(&bound.join(SCRIPT))?;
        let mut link = text(&bound.join(LINK))?;
        let mut gathered = Vec::new();
        let mut small = Vec::new();
        for name in names.iter().filter(|name| name.starts_with("chunk_")) {
            let bytes = read(&bound.join(name))?;
            if bytes.len() < SMALL_BYTES {
                small.push((name, gathered.len()..gathered.len() + bytes.len()));
                gathered.extend(bytes);
            }
        }
        self.add(GATHERED, gathered);
        link = super::parts::gathered(&link, &small, &format!("/app/{}", self.named[GATHERED]));
        for name in names.iter().filter(|name| !small.iter().any(|(small, _)| small == name)) {
            if name.ends_with(".wasm") {
                self.add(name, read(&bound.join(name))?);
                link = link.replace(&format!("\"./{name}\""), &format!("\"/app/{}\"", self.named[name]));
            } else if name.starts_with("snippets/") {
                self.add(name, read(&bound.join(name))?);
                script = script.replace(&format!("./{name}"), &format!("/app/{}", self.named[name]));
            }
        }
        self.parts = super::parts::needed(&link);
        let mut script = super::parts::joined(&script, &link, LINK);
        // A page may run no script of its own text (its policy), so the script starts itself.
        // What it cannot load, it cannot tell: the page has words for that.
        script.push_str(&format!(
            "\n__wbg_init({{ module_or_path: \"/app/{}\" }}).catch(why => {{ document.body.classList.add(\"failed\"); throw why; }});\n",
            self.named[WASM]
        ));
        self.add(SCRIPT, script.into_bytes());
        Ok(())
    }

    /// `text` of the file `of` with the names that files have when they are served.
    fn resolved(&self, of: &str, text: &str) -> Result<String, String> {
        const MARK: &str = "/app/";
        let mut parts = text.split(MARK);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|letter: char| !letter.is_ascii_alphanumeric() && !"._-/".contains(letter));
            let (name, rest) = part.split_at(end.unwrap_or(part.len()));
            let served = match self.named.get(name) {
                Some(served) => served,
                // The folder itself.
                None if name.is_empty() => "",
                None => return Err(format!("{of} names /app/{name}, which is not there")),
            };
            out.extend([MARK, served, rest]);
        }
        Ok(out)
    }

    /// A JSON object from languages to the paths of their texts.
    fn messages(&self) -> String {
        let texts = self.named.iter().filter_map(|(name, served)| {
            let language = name.strip_prefix(MESSAGES)?.strip_suffix(".ftl")?;
            Some(format!("\"{language}\": \"/app/{served}\""))
        });
        format!("{{{}}}", texts.collect::<Vec<_>>().join(", "))
    }

    /// The message `id`, which is a line of its own, as a paragraph in each language.
    fn in_every_language(&self, id: &str) -> Result<String, String> {
        let mut paragraphs = String::new();
        for (name, served) in &self.named {
            let Some(language) = name.strip_prefix(MESSAGES).and_then(|name| name.strip_suffix(".ftl")) else {
                continue;
            };
            let text = String::from_utf8_lossy(&self.served[&format!("app/{served}")]).into_owned();
            let said = text.lines().find_map(|line| line.strip_prefix(id)?.strip_prefix(" = "));
            let said = said.filter(|said| !said.contains(['<', '&', '{']));
            let said = said.ok_or_else(|| format!("{name} has no plain {id}"))?;
            paragraphs.push_str(&format!("<p lang=\"{language}\" dir=\"auto\">{said}</p>"));
        }
        Ok(paragraphs)
    }

    fn write(&self, out: &Path) -> Result<(), String> {
        remove(out)?;
        for (name, bytes) in &self.served {
            let path = out.join(name);
            let write = || {
                fs::create_dir_all(path.parent().unwrap_or(out))?;
                fs::write(&path, bytes)
            };
            write().map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_what_is_in_them() {
        let mut bundle = Bundle::default();
        bundle.add("style.css", b"x".to_vec());
        bundle.add("messages/en.ftl", b"y = Yes.\nz = <b>".to_vec());
        let style = bundle.named["style.css"].clone();
        let page = bundle.resolved("index.html", "<link href=\"/app/style.css\"> /app/* '/app/'");
        assert_eq!(page, Ok(format!("<link href=\"/app/{style}\"> /app/* '/app/'")));
        assert_eq!(bundle.resolved("a", "/app/none.js"), Err("a names /app/none.js, which is not there".into()));
        assert_eq!(bundle.in_every_language("y"), Ok("<p lang=\"en\" dir=\"auto\">Yes.</p>".into()));
        assert!(bundle.in_every_language("z").is_err() && bundle.in_every_language("a").is_err());
        assert_eq!(bundle.messages(), format!("{{\"en\": \"/app/{}\"}}", bundle.named["messages/en.ftl"]));
    }
}
