//! Checks the signature of a program that is to replace PID 1, and what it is signed as.

use core::ffi::CStr;

use rustix::io::Errno;
use zinit_pid1ctl::comment::{self, Comment};
use zinit_pid1ctl::minisign;

use crate::file::{self, Content, Folder, Path};
use crate::refusal::{Result, Why, cannot};

use super::Running;

/// Refuses a program, the file at `path` with these bytes, unless the owner of an installed key signed it as a program
/// that may replace the running one.
///
/// `signature` is a buffer for the file beside it.
pub fn verify<'a>(
    running: &Running<'_>,
    path: &Path,
    bytes: &[u8],
    signature: &'a mut Content,
) -> Result<Comment<'a>> {
    let key_path = Path::from(KEYS);
    Folder::of(&key_path)?.check_owner()?;
    let mut keys = Content::default();
    keys.read(&key_path, &file::open_checked(&key_path)?)?;
    let signature_path = path.with(b".minisig");
    signature.read(&signature_path, &file::open_checked(&signature_path)?)?;
    let signed = match minisign::verify(&keys, signature, bytes) {
        Ok(signed) => signed,
        Err(refusal) => {
            let path = if refusal == minisign::Refusal::Key { &key_path } else { &signature_path };
            return Why::Signature(refusal).of(path);
        }
    };
    let text = signed.comment.escape_ascii();
    running.tell(format_args!("{path} is signed by key {}: {text}", signed.key));
    let refused = |refusal: comment::Refusal| {
        let path = if refusal.is_of_format() { &signature_path } else { path };
        Why::Comment(refusal).of(path)
    };
    let comment = match Comment::read(signed.comment) {
        Ok(comment) => comment,
        Err(refusal) => return refused(refusal),
    };
    match comment.check(&running.said) {
        Err(comment::Refusal::Older { .. }) if may_downgrade()? => Ok(comment),
        Err(refusal) => refused(refusal),
        Ok(()) => Ok(comment),
    }
}

/// True if a program that a package manager has installed has to be signed too.
///
/// Whatever is there counts, and an error as well: nobody else than root may have put it there, but that would only make
/// updates stricter.
pub fn is_always_required() -> bool {
    rustix::fs::lstat(REQUIRE_SIGNATURE).map_or_else(|errno| errno != Errno::NOENT, |_| true)
}

/// True if an older version may be installed; a file that others may have put there is refused.
fn may_downgrade() -> Result<bool> {
    let path = Path::from(ALLOW_DOWNGRADE);
    match file::open(&path) {
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(cannot("open", &path)(errno)),
        Ok(file) => {
            Folder::of(&path)?.check_owner()?;
            file::check(&path, &file).map(|_| true)
        }
    }
}

/// The public keys, by one of which updates have to be signed.
const KEYS: &CStr = c"/etc/zinit/update.pub";

const REQUIRE_SIGNATURE: &CStr = c"/etc/zinit/update.require-signature";

/// A refusal of the module `comment` names it too.
const ALLOW_DOWNGRADE: &CStr = c"/etc/zinit/update.allow-downgrade";
