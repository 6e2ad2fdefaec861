//! ECDSA on P-384 with SHA-384 and the nonces of RFC 6979: the same message gets the same signature, and no random
//! generator can give the key away. Public keys as compressed points (SEC 1 section 2.3.3).

use std::fmt;

use p384::ecdsa::signature::Signer;
use p384::ecdsa::{Signature, SigningKey};
use p384::elliptic_curve::sec1::ToSec1Point;

use super::ecdsa::{Curve, Point};
use crate::KeyError;

/// The length of a signature, r || s, in bytes.
pub(crate) const SIGNATURE_LENGTH: usize = 96;

/// The length of a private key in bytes.
pub(crate) const PRIVATE_KEY_LENGTH: usize = 48;

/// The length of a compressed public key in bytes.
pub(crate) const PUBLIC_KEY_LENGTH: usize = 49;

/// A private key, prepared for signing.
pub(crate) struct PrivateKey(SigningKey);

impl PrivateKey {
    /// Prepares a key: a number of 48 bytes from 1 to the group's order.
    pub(crate) fn new(scalar: &[u8]) -> Result<Self, KeyError> {
        let key = (scalar.len() == PRIVATE_KEY_LENGTH).then(|| SigningKey::from_slice(scalar).ok()).flatten();
        key.map(Self).ok_or_else(|| {
            KeyError::Malformed(
                "a private key on P-384 is a number of 48 bytes below the group's order".into(),
            )
        })
    }

    /// The public key that belongs to it.
    pub(crate) fn public_key(&self) -> Point {
        to_point(self.0.verifying_key().to_sec1_point(false).as_bytes())
            .expect("the library writes uncompressed points of the curve")
    }

    /// Signs `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LENGTH], KeyError> {
        let signature: Signature =
            self.0.try_sign(message).map_err(|_| KeyError::Malformed("the key cannot sign".into()))?;
        Ok(signature.to_bytes().into())
    }
}

/// Reads a compressed point, which must lie on the curve.
pub(crate) fn decompress(bytes: &[u8]) -> Result<Point, KeyError> {
    let malformed = || KeyError::Malformed("the public key is no compressed point on P-384".into());
    if bytes.len() != PUBLIC_KEY_LENGTH {
        return Err(malformed());
    }
    let key = p384::PublicKey::from_sec1_bytes(bytes).map_err(|_| malformed())?;
    to_point(key.to_sec1_point(false).as_bytes())
}

/// The compressed form: 2 for an even y and 3 for an odd one, then x.
pub(crate) fn compress(point: &Point) -> Vec<u8> {
    let sign = 2 | (point.y.last().copied().unwrap_or_default() & 1);
    [&[sign], point.x.as_slice()].concat()
}

fn to_point(uncompressed: &[u8]) -> Result<Point, KeyError> {
    Point::from_sec1(Curve::P384, uncompressed)
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ecdsa_p384::PrivateKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXUPPER;

    use super::*;

    // RFC 6979 appendix A.2.6.
    const PRIVATE: &str =
        "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5";
    const X: &str =
        "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13";
    const Y: &str =
        "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720";
    const SIGNATURE: &str = concat!(
        "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
        "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
    );

    fn hex(text: &str) -> Vec<u8> {
        HEXUPPER.decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn signatures_are_those_of_rfc_6979() {
        let key = PrivateKey::new(&hex(PRIVATE)).unwrap();
        assert_eq!(key.public_key(), Point { x: hex(X), y: hex(Y) });
        assert_eq!(key.sign(b"sample").unwrap().to_vec(), hex(SIGNATURE));
        let public = super::super::ecdsa::PublicKey::new(Curve::P384, &key.public_key()).unwrap();
        assert!(public.verify(b"sample", &hex(SIGNATURE)));
    }

    #[test]
    fn points_are_the_same_after_compression() {
        let even = Point { x: hex(X), y: hex(Y) };
        assert_eq!(compress(&even), [vec![2], hex(X)].concat());
        assert_eq!(decompress(&compress(&even)).unwrap(), even);
        let odd = decompress(&[vec![3], hex(X)].concat()).unwrap();
        assert_ne!(odd.y, even.y);
        assert_eq!(compress(&odd), [vec![3], hex(X)].concat());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        // attack 40
        let uncompressed = [vec![4], hex(X), hex(Y)].concat();
        for bad in [&uncompressed[..], &uncompressed[..49], &[2; 48], &[0; 49], &[0xff; 49], b"", b"\0"] {
            assert!(decompress(bad).is_err());
        }
        for bad in [&[0; 48][..], &[0xff; 48], &[1; 47], &[1; 49], b""] {
            assert!(PrivateKey::new(bad).is_err());
        }
    }
}
