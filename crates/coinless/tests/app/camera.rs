//! Pictures of labels for a camera that is none.

use qrcode::{Color, QrCode};
use std::path::Path;
use std::{fs, iter};

const WIDTH: usize = 640;
const HEIGHT: usize = 480;
/// Pixels of a module's side.
const SCALE: usize = 8;
const WHITE: u8 = 235;
const BLACK: u8 = 16;
/// No colour.
const GREY: u8 = 128;

/// The bright and dark pixels of a picture with a QR code that says `text` in its middle, line by line; a bright one if none.
fn drawn(text: Option<&str>) -> Vec<u8> {
    let mut pixels = vec![WHITE; WIDTH * HEIGHT];
    let Some(text) = text else { return pixels };
    let code = QrCode::new(text).unwrap();
    let (modules, width) = (code.to_colors(), code.width());
    let side = width * SCALE;
    assert!(side + 8 * SCALE <= HEIGHT, "it must fit with its margin");
    let (left, top) = ((WIDTH - side) / 2, (HEIGHT - side) / 2);
    for y in 0..side {
        for x in 0..side {
            if modules[y / SCALE * width + x / SCALE] == Color::Dark {
                pixels[(top + y) * WIDTH + left + x] = BLACK;
            }
        }
    }
    pixels
}

/// Writes a film (YUV4MPEG2, ten frames a second) in which a camera sees QR codes that say `texts`, each for as many `frames`, for
/// `--use-file-for-fake-video-capture`.
pub fn film(path: &Path, texts: &[&str], frames: usize) {
    let mut film = format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n").into_bytes();
    for text in texts {
        let pixels = drawn(Some(text));
        for _ in 0..frames {
            film.extend(b"FRAME\n");
            film.extend(&pixels);
            film.extend(iter::repeat_n(GREY, WIDTH * HEIGHT / 2));
        }
    }
    fs::write(path, film).unwrap();
}

/// Writes a picture (BMP, 8 bits of grey) of a QR code that says `text`; of nothing if none.
pub fn picture(path: &Path, text: Option<&str>) {
    const HEADERS: u32 = 14 + 40 + 1024;
    let pixels = drawn(text);
    let number = |value: u32| value.to_le_bytes();
    let (width, height) = (u32::try_from(WIDTH).unwrap(), u32::try_from(HEIGHT).unwrap());
    let mut file = b"BM".to_vec();
    for value in [HEADERS + width * height, 0, HEADERS, 40, width, height] {
        file.extend(number(value));
    }
    // One plane of eight bits, not compressed; 256 colours.
    file.extend([1, 0, 8, 0]);
    for value in [0, width * height, 2835, 2835, 256, 0] {
        file.extend(number(value));
    }
    (0..=255).for_each(|grey| file.extend([grey, grey, grey, 0]));
    // Its lines go from the bottom up.
    pixels.chunks(WIDTH).rev().for_each(|line| file.extend(line));
    fs::write(path, file).unwrap();
}
