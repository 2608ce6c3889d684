//! `coinless`: station, meter, phone and demo in one command.

mod demo;
mod meter;
mod output;
mod phone;
mod station;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Prepayment for meters that have no network of their own.
#[derive(Parser)]
#[command(name = "coinless", version, about)]
struct Arguments {
    /// Print exactly one JSON object per result on standard output.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The station: sells credit and issues tokens.
    #[command(subcommand)]
    Station(station::Command),
    /// A simulated meter.
    #[command(subcommand)]
    Meter(meter::Command),
    /// A phone on the command line.
    #[command(subcommand)]
    Phone(phone::Command),
    /// A station and meters on this machine, to try everything.
    Demo(demo::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = output::Output::new(arguments.json);
    let result = match arguments.command {
        Command::Station(command) => station::run(command, &output),
        Command::Meter(command) => meter::run(command, &output),
        Command::Phone(command) => phone::run(command, &output),
        Command::Demo(options) => demo::run(&options, &output),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("coinless: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
