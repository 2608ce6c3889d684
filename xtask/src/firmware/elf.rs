//! As much of an ELF file for a 32-bit little-endian processor as it takes to say what is where (System V ABI, chapters 4
//! and 5).

use std::path::Path;

/// A section.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u32,
    /// It takes memory while the program runs.
    pub loaded: bool,
    /// What the file holds of it; nothing for memory that is zero at the start.
    pub bytes: Vec<u8>,
}

/// A symbol with a size.
#[derive(Debug, Clone)]
pub struct Symbol {
    /// Its name, demangled.
    pub name: String,
    /// Its size in bytes.
    pub size: u32,
}

/// A program.
#[derive(Debug, Clone)]
pub struct Elf {
    /// Its sections.
    pub sections: Vec<Section>,
    /// Its symbols.
    pub symbols: Vec<Symbol>,
}

const SECTION_BYTES: usize = 40;
const SYMBOL_BYTES: usize = 16;
const NO_BITS: u32 = 8;
const ALLOCATED: u32 = 2;
const FUNCTION: u8 = 2;
const OBJECT: u8 = 1;

impl Elf {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        parse(&bytes).ok_or_else(|| format!("{}: not an ELF file for a 32-bit processor", path.display()))
    }

    /// Bytes of the section `name`; 0 if there is none.
    pub fn size_of(&self, name: &str) -> u32 {
        self.sections.iter().filter(|section| section.name == name).map(|section| section.size).sum()
    }
}

fn parse(bytes: &[u8]) -> Option<Elf> {
    if bytes.get(..6)? != [0x7f, b'E', b'L', b'F', 1, 1] {
        return None;
    }
    let table = word(bytes, 32)? as usize;
    let (count, names) = (half(bytes, 48)?, half(bytes, 50)?);
    let header = |index: usize| bytes.get(table + index * SECTION_BYTES..)?.get(..SECTION_BYTES);
    let content = |header: &[u8]| {
        let (from, size) = (word(header, 16)? as usize, word(header, 20)? as usize);
        if word(header, 4)? == NO_BITS { Some(&[][..]) } else { bytes.get(from..)?.get(..size) }
    };
    let names = content(header(names.into())?)?;
    let mut sections = Vec::new();
    let mut symbols = Vec::new();
    for index in 0..usize::from(count) {
        let header = header(index)?;
        let (name, kind) = (text(names, word(header, 0)?)?, word(header, 4)?);
        if name == ".symtab" {
            let strings = content(self::header(bytes, table, word(header, 24)? as usize)?)?;
            symbols = read_symbols(content(header)?, strings)?;
        }
        sections.push(Section {
            name,
            size: word(header, 20)?,
            loaded: word(header, 8)? & ALLOCATED != 0,
            bytes: if kind == NO_BITS { Vec::new() } else { content(header)?.to_vec() },
        });
    }
    Some(Elf { sections, symbols })
}

fn header(bytes: &[u8], table: usize, index: usize) -> Option<&[u8]> {
    bytes.get(table + index * SECTION_BYTES..)?.get(..SECTION_BYTES)
}

fn read_symbols(table: &[u8], strings: &[u8]) -> Option<Vec<Symbol>> {
    let mut symbols = Vec::new();
    for entry in table.chunks_exact(SYMBOL_BYTES) {
        let (kind, size) = (entry.get(12)? & 15, word(entry, 8)?);
        if (kind == FUNCTION || kind == OBJECT) && size > 0 {
            symbols.push(Symbol { name: demangled(&text(strings, word(entry, 0)?)?), size });
        }
    }
    Some(symbols)
}

fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn text(strings: &[u8], at: u32) -> Option<String> {
    let bytes = strings.get(at as usize..)?;
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(bytes.get(..end)?).into_owned())
}
