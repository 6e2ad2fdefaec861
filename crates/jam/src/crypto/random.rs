//! Random bytes from the operating system's generator.

use zeroize::Zeroizing;

use crate::{Error, Result};

/// Fills `bytes`. An error means that the operating system gives no randomness; nothing may go on without.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<()> {
    aws_lc_rs::rand::fill(bytes)
        .map_err(|_| Error::validation("the operating system's random number generator failed"))
}

/// `N` random bytes that are wiped when dropped.
pub(crate) fn bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    fill(bytes.as_mut_slice())?;
    Ok(bytes)
}
