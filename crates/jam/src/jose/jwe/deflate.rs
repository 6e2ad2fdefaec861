//! Compression before encryption: `zip` with the value `DEF` (RFC 7516 section 4.1.3, RFC 1951).

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};

/// By how much the output grows at once, in bytes.
const STEP: usize = 32 * 1024;

/// Compresses.
pub(super) fn deflate(plaintext: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plaintext).and_then(|()| encoder.finish()).expect("writing to a vector cannot fail")
}

/// Expands, and stops when more than `limit` bytes come out. `None` then, and for anything but exactly one whole
/// stream.
pub(super) fn inflate(compressed: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut decoder = Decompress::new(false);
    let mut output = Vec::new();
    loop {
        output.reserve(STEP.min(limit.saturating_add(1) - output.len()));
        let read = usize::try_from(decoder.total_in()).ok()?;
        let status = decoder.decompress_vec(&compressed[read..], &mut output, FlushDecompress::None).ok()?;
        if output.len() > limit {
            return None;
        }
        let is_read = decoder.total_in() == compressed.len() as u64;
        match status {
            Status::StreamEnd => return is_read.then_some(output),
            // There is room, so what is missing is input.
            _ if output.len() < output.capacity() => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_expands_again() {
        for plaintext in
            [vec![], b"x".to_vec(), vec![b'x'; 1_000_000], (0..100_000).map(|n| (n % 251) as u8).collect()]
        {
            let compressed = deflate(&plaintext);
            assert_eq!(inflate(&compressed, plaintext.len()), Some(plaintext.clone()), "{}", plaintext.len());
            if !plaintext.is_empty() {
                assert_eq!(inflate(&compressed, plaintext.len() - 1), None, "{}", plaintext.len());
            }
        }
    }

    #[test]
    fn a_bomb_is_stopped_early() {
        // attack 39
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        let megabyte = vec![b'a'; 1 << 20];
        for _ in 0..400 {
            encoder.write_all(&megabyte).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 500_000);
        assert_eq!(inflate(&bomb, 1 << 20), None);
    }

    #[test]
    fn only_one_whole_stream_is_good() {
        let compressed = deflate(b"some text that is long enough to be cut");
        for length in 0..compressed.len() {
            assert_eq!(inflate(&compressed[..length], 1000), None, "{length}");
        }
        assert_eq!(inflate(&[compressed.as_slice(), b"x"].concat(), 1000), None);
        assert_eq!(inflate(b"\xff\xff\xff", 1000), None);
    }
}
