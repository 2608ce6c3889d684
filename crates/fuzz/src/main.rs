//! `coinless-fuzz VECTORS FOLDER`: writes the seeds of every target into a folder of its own below FOLDER.

use coinless_fuzz::{TARGETS, seeds};
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [vectors, folder] = arguments.as_slice() else {
        eprintln!("coinless-fuzz VECTORS FOLDER");
        return ExitCode::from(2);
    };
    match write(vectors.as_ref(), folder.as_ref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write seeds from {vectors} into {folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(vectors: &Path, folder: &Path) -> io::Result<()> {
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds::seeds(target.name, vectors)?.iter().enumerate() {
            fs::write(folder.join(format!("{number:04}")), seed)?;
        }
    }
    Ok(())
}
