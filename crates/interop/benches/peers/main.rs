//! Jam against other libraries, and against the bare primitive. Writes what it measured as JSON to the file that it is given;
//! `make bench` makes a page of it. With `--only jwt,otp`, only those parts are measured.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)] // no part of the library

mod memory;
#[path = "../../../jam/tests/support/redis_server.rs"]
#[allow(dead_code, unreachable_pub)] // the tests use more of it
mod redis_server;
mod sessions;
mod sizes;
#[path = "../../tests/support/mod.rs"]
mod support;
mod tokens;

use std::cell::OnceCell;
use std::time::Instant;

use jam::Timestamp;
use jam::jose::jws::Algorithm;
use jam::jose::{Jwt, JwtOptions};
use jam_interop::{Bench, Measured};
use serde_json::{Value, json};

use crate::support::{SECRET, private_pem};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn main() {
    // Cargo adds arguments of its own, as `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [memory::ARGUMENT, client, url] => println!("{}", memory::measure(client, url)),
        [file] => measure("", file),
        ["--only", parts, file] => measure(parts, file),
        _ => panic!("give a file to write to, after `--only PARTS` if not everything is to be measured"),
    }
}

fn measure(parts: &str, file: &str) {
    let parts = parts.split([',', ' ']).filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let (start, memory) = (Instant::now(), OnceCell::new());
    let measured = Bench::run(parts, |bench| {
        tokens::json_web_tokens(bench);
        tokens::signatures(bench);
        tokens::encryption(bench);
        tokens::paseto(bench);
        tokens::one_time_passwords(bench);
        sizes::tokens(bench);
        if let Some(taken) = sessions::on_redis(bench) {
            memory.get_or_init(|| taken);
        }
    });
    let rows: Vec<Value> = measured.iter().map(as_json).collect();
    let memory = memory.into_inner().unwrap_or_else(|| json!({}));
    std::fs::write(file, json!({"rows": rows, "memory": memory}).to_string()).unwrap();
    eprintln!("  Rust: {:.0} seconds", start.elapsed().as_secs_f64());
}

fn as_json(row: &Measured) -> Value {
    json!({
        "part": row.part, "title": row.title, "seconds": row.seconds, "aims": row.aims, "bytes": row.bytes,
        "tasks": row.tasks, "p99": row.p99,
    })
}

fn jwt(algorithm: Algorithm) -> Jwt {
    let secret = algorithm.is_symmetric().then(|| SECRET[..].into()).into_iter().collect();
    let private_key = private_pem(algorithm).map(Into::into).into_iter().collect();
    Jwt::new(JwtOptions { algorithm, secret, private_key, ..JwtOptions::default() }).unwrap()
}
