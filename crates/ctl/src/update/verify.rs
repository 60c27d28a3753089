//! Checks the signature of a candidate.

use core::ffi::CStr;

use zinit_pid1ctl::minisign;

use crate::file::{self, Content, Folder, Path};
use crate::refusal::{Result, Why};
use crate::report;

/// Refuses a candidate, `new` with these bytes, that the owner of the installed key did not sign.
///
/// `signature` is a buffer for the file beside it.
pub fn verify(new: &Path, candidate: &[u8], signature: &mut Content) -> Result<()> {
    let key_path = Path::from(KEY);
    Folder::of(&key_path)?.check_owner()?;
    let mut key = Content::default();
    key.read(&key_path, &file::open_checked(&key_path)?)?;
    let signature_path = new.with(b".minisig");
    signature.read(&signature_path, &file::open_checked(&signature_path)?)?;
    match minisign::verify(&key, signature, candidate) {
        Ok(signed) => {
            let comment = signed.comment.escape_ascii();
            report(format_args!("{new} is signed by key {}: {comment}", signed.key));
            Ok(())
        }
        Err(refusal) => {
            let path = if refusal == minisign::Refusal::Key { &key_path } else { &signature_path };
            Why::Signature(refusal).of(path)
        }
    }
}

/// The public key, by which updates have to be signed.
const KEY: &CStr = c"/etc/zinit/update.pub";
