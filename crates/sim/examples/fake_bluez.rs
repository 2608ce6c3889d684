//! A fake of BlueZ for programs in other languages: prints the address of its bus, breaks all connections at each line on
//! standard input, and ends with it.

use coinless_sim::fake_bluez::{FakeBluez, USUAL_MTU};
use std::io::{self, BufRead};

fn main() -> io::Result<()> {
    let bluez = FakeBluez::start(USUAL_MTU)?;
    println!("{}", bluez.address());
    for line in io::stdin().lock().lines() {
        line?;
        bluez.lose_links();
    }
    Ok(())
}
