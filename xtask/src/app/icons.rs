//! The icons that phones show: drawn by a browser from the two drawings in `app/static/icons`, and kept beside them.

use super::tools::chromium;
use crate::peers::run;
use crate::root;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// From which drawing which picture is made, and the length of its sides in pixels.
const ICONS: [(&str, &str, u32); 4] = [
    ("icon.svg", "icon-192.png", 192),
    ("icon.svg", "icon-512.png", 512),
    // For phones that cut the shape themselves, and for iPhones, which round the corners.
    ("full.svg", "full-512.png", 512),
    ("full.svg", "full-180.png", 180),
];

/// Draws them all anew.
///
/// # Errors
/// What is missing or what the browser says.
pub fn draw() -> Result<(), String> {
    let chromium = chromium()?;
    let profile = crate::target_directory().join("app/icons");
    for (drawing, picture, side_px) in ICONS {
        let mut command = Command::new(&chromium);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]);
        command.arg(format!("--user-data-dir={}", profile.display()));
        command.arg("--default-background-color=00000000").arg(format!("--window-size={side_px},{side_px}"));
        command.arg(format!("--screenshot={}", folder().join(picture).display()));
        run(command.arg(format!("file://{}", folder().join(drawing).display())))?;
    }
    let at = |error: std::io::Error| format!("{}: {error}", profile.display());
    fs::remove_dir_all(&profile).map_err(at)
}

fn folder() -> PathBuf {
    root().join("app/static/icons")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_picture_has_the_size_that_it_is_for() {
        for (_, picture, side_px) in ICONS {
            // PNG (ISO/IEC 15948) 11.2.2: the first chunk begins with width and height.
            let bytes = fs::read(folder().join(picture)).unwrap();
            let sides = [&bytes[16..20], &bytes[20..24]].map(|four| u32::from_be_bytes(four.try_into().unwrap()));
            assert_eq!(sides, [side_px; 2], "{picture}");
        }
    }

    #[test]
    fn the_manifest_names_what_a_phone_needs_to_install_the_app() {
        let manifest = fs::read_to_string(root().join("app/static/manifest.webmanifest")).unwrap();
        for (picture, purpose) in [("icon-192", "any"), ("icon-512", "any"), ("full-512", "maskable")] {
            let line = manifest.lines().find(|line| line.contains(&format!("/app/icons/{picture}.png"))).unwrap();
            let side_px = picture.split_once('-').unwrap().1;
            assert!(
                line.contains(&format!("\"{side_px}x{side_px}\"")) && line.contains(&format!("\"{purpose}\"")),
                "{line}"
            );
        }
        for key in ["id", "name", "short_name", "description", "lang", "dir", "start_url", "scope", "display"] {
            assert!(manifest.contains(&format!("\n  \"{key}\": \"")), "{key}");
        }
    }
}
