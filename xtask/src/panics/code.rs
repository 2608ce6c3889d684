//! Who calls whom in a static library: one node for each section of each object, which is one function or one constant.

use object::elf::R_ARM_NONE;
use object::read::archive::ArchiveFile;
use object::read::elf::ElfFile32;
use object::{
    Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, SectionIndex, SectionKind, SymbolKind,
};
use std::collections::HashMap;

/// A section that code or constants lie in.
#[derive(Debug)]
pub struct Node {
    /// The crate that it was made for.
    pub krate: String,
    /// Its function, without the hash; empty for a constant.
    pub name: String,
    /// What it refers to.
    pub to: Vec<usize>,
    /// A constant's bytes.
    bytes: Vec<u8>,
}

/// Where in the source a panic is written (`core::panic::Location`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as the compiler saw it.
    pub file: String,
    /// The line.
    pub line: u32,
}

/// Most bytes of a constant that is kept: a path.
const MAX_CONSTANT_BYTES: u64 = 4096;
/// Bytes of a `core::panic::Location` on a 32-bit processor: pointer and length of the file's name, line, column.
const LOCATION_BYTES: usize = 16;

/// All nodes, in the order of the library.
#[derive(Debug, Default)]
pub struct Code {
    pub nodes: Vec<Node>,
}

/// A section of an object, before names are resolved.
struct Section {
    references: Vec<Reference>,
}

/// What a relocation refers to.
enum Reference {
    Node(usize),
    Name(String),
}

impl Code {
    /// Reads a static library of 32-bit ELF objects.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(library: &[u8]) -> Result<Self, String> {
        let mut code = Self::default();
        let (mut sections, mut names) = (Vec::new(), HashMap::new());
        let archive = ArchiveFile::parse(library).map_err(|error| error.to_string())?;
        for member in archive.members() {
            let member = member.map_err(|error| error.to_string())?;
            let name = String::from_utf8_lossy(member.name()).into_owned();
            let bytes = member.data(library).map_err(|error| error.to_string())?;
            let object = ElfFile32::parse(bytes).map_err(|error| format!("{name}: {error}"))?;
            code.add(&name, &object, &mut sections, &mut names)?;
        }
        for (node, section) in code.nodes.iter_mut().zip(sections) {
            let resolved = section.references.into_iter().filter_map(|reference| match reference {
                Reference::Node(node) => Some(node),
                // What is nowhere comes from the linker or the firmware.
                Reference::Name(name) => names.get(&name).copied(),
            });
            node.to = resolved.collect();
        }
        Ok(code)
    }

    /// The place that a node is the location of.
    pub fn place(&self, node: usize) -> Option<Place> {
        let location = &self.nodes[node];
        let ([file], LOCATION_BYTES) = (location.to.as_slice(), location.bytes.len()) else { return None };
        let word = |at: usize| Some(u32::from_le_bytes(location.bytes.get(at..at + 4)?.try_into().ok()?));
        let (start, len) = (word(0)? as usize, word(4)? as usize);
        let file = core::str::from_utf8(self.nodes[*file].bytes.get(start..start + len)?).ok()?;
        let file = file.trim_end_matches('\0');
        file.ends_with(".rs").then_some(Place { file: file.into(), line: word(8)? })
    }

    fn add(
        &mut self,
        member: &str,
        object: &ElfFile32<'_>,
        sections: &mut Vec<Section>,
        names: &mut HashMap<String, usize>,
    ) -> Result<(), String> {
        let krate = member.split(['-', '.']).next().unwrap_or(member);
        let mut nodes: HashMap<SectionIndex, usize> = HashMap::new();
        for section in object.sections() {
            nodes.insert(section.index(), self.nodes.len());
            let is_constant = section.kind() != SectionKind::Text && section.size() <= MAX_CONSTANT_BYTES;
            let bytes = if is_constant { section.data().unwrap_or_default().to_vec() } else { Vec::new() };
            self.nodes.push(Node { krate: krate.into(), name: String::new(), to: Vec::new(), bytes });
            sections.push(Section { references: Vec::new() });
        }
        for symbol in object.symbols() {
            let Some(node) = symbol.section_index().and_then(|index| nodes.get(&index)) else { continue };
            let name = symbol.name().map_err(|error| format!("{member}: {error}"))?;
            if symbol.is_global() {
                names.entry(name.into()).or_insert(*node);
            }
            if symbol.kind() == SymbolKind::Text {
                self.nodes[*node].name = format!("{:#}", rustc_demangle::demangle(name));
            }
        }
        for section in object.sections() {
            let references = section.relocations().filter_map(|(_, relocation)| {
                // Such a one only says that a section is needed.
                if relocation.flags() == (RelocationFlags::Elf { r_type: R_ARM_NONE }) {
                    return None;
                }
                let RelocationTarget::Symbol(index) = relocation.target() else { return None };
                let symbol = object.symbol_by_index(index).ok()?;
                let here = symbol.section_index().and_then(|index| nodes.get(&index));
                Some(here.map_or_else(
                    || Reference::Name(symbol.name().unwrap_or_default().into()),
                    |node| Reference::Node(*node),
                ))
            });
            sections[nodes[&section.index()]].references = references.collect();
        }
        Ok(())
    }
}
