//! Small pictures: a screen of plain areas and letters has few colours, so each dot needs one byte, not four.

use crate::page::{Page, quoted};

/// Resolves to the PNG in the Base64 text `text` as another one, with a palette (PNG, ISO/IEC 15948, colour type 3): of at most 256
/// colours, the most frequent; the others become the nearest of these.
const WITH_PALETTE: &str = "(async text => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(text), letter => letter.charCodeAt(0))]));
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    const dots = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
    const counts = new Map();
    for (const dot of dots) counts.set(dot, (counts.get(dot) ?? 0) + 1);
    const palette = [...counts].sort((one, other) => other[1] - one[1]).slice(0, 256).map(([colour]) => colour);
    const parts = colour => [colour & 255, colour >> 8 & 255, colour >> 16 & 255];
    const known = new Map(palette.map((colour, place) => [colour, place]));
    const far = (one, other) => parts(one).reduce((sum, part, at) => sum + (part - parts(other)[at]) ** 2, 0);
    const place = colour => {
        if (!known.has(colour)) known.set(colour, palette.reduce((best, one, at) => far(colour, one) < far(colour, palette[best]) ? at : best, 0));
        return known.get(colour);
    };
    const rows = new Uint8Array(height * (width + 1));
    for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) rows[y * (width + 1) + 1 + x] = place(dots[y * width + x]);
    const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream('deflate'));
    const crc = bytes => {
        let sum = -1;
        for (const byte of bytes) {
            sum ^= byte;
            for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? sum >>> 1 ^ 0xEDB88320 : sum >>> 1;
        }
        return ~sum;
    };
    const chunk = (name, data) => {
        const bytes = new Uint8Array(data.length + 12), view = new DataView(bytes.buffer);
        view.setUint32(0, data.length);
        bytes.set([...name].map(letter => letter.charCodeAt(0)), 4);
        bytes.set(data, 8);
        view.setUint32(data.length + 8, crc(bytes.subarray(4, data.length + 8)));
        return bytes;
    };
    const head = new Uint8Array(13), view = new DataView(head.buffer);
    view.setUint32(0, width);
    view.setUint32(4, height);
    head.set([8, 3], 8);
    const file = new Blob([
        new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', head), chunk('PLTE', new Uint8Array(palette.flatMap(parts))),
        chunk('IDAT', new Uint8Array(await new Response(packed).arrayBuffer())), chunk('IEND', new Uint8Array()),
    ]);
    const url = await new Promise(done => {
        const reader = new FileReader();
        reader.onload = () => done(reader.result);
        reader.readAsDataURL(file);
    });
    return url.slice(url.indexOf(',') + 1);
})";

/// A picture of what the page shows, as a PNG with a palette.
pub fn picture(page: &Page) -> Vec<u8> {
    let shot =
        page.call("Page.captureScreenshot", serde_json::json!({ "format": "png", "captureBeyondViewport": false }));
    let small = page.evaluate(&format!("{WITH_PALETTE}({})", quoted(shot["data"].as_str().unwrap())));
    crate::page::from_base64(small.as_str().unwrap())
}
