//! Attributes of files. rustix has a writable global for kernels without statx(2), and on 32 bits uses it for all of them.
//!
//! # Safety
//! The structures are the kernel's.

use core::ffi::CStr;
use core::mem::MaybeUninit;

use crate::arch::syscall;
use crate::raw::{Result, address, checked, word};

/// Reads the attributes of a file, statx(2).
pub fn statx(path: &CStr) -> Result<libc::statx> {
    statx_in(libc::AT_FDCWD, path, 0)
}

/// The type of an open file, as in the bits S_IFMT of its mode, inode(7); 0 if that cannot be told.
///
/// By fstat(2), because an old seccomp profile refuses statx(2). On 32 bits its structure differs between libcs.
pub fn file_type(fd: i32) -> u32 {
    #[cfg(target_pointer_width = "64")]
    let mode = {
        let mut file = MaybeUninit::<libc::stat>::zeroed();
        // SAFETY: the kernel fills one structure, which zeros are valid for.
        unsafe {
            syscall(libc::SYS_fstat, [word(fd), address(file.as_mut_ptr())]);
            file.assume_init().st_mode
        }
    };
    #[cfg(target_pointer_width = "32")]
    let mode = statx_in(fd, c"", libc::AT_EMPTY_PATH).map_or(0, |file| file.stx_mode.into());
    mode & libc::S_IFMT
}

fn statx_in(folder: i32, path: &CStr, flags: i32) -> Result<libc::statx> {
    let mut file = MaybeUninit::<libc::statx>::uninit();
    let (flags, all) = (word(flags), libc::STATX_BASIC_STATS as usize);
    let arguments = [word(folder), address(path.as_ptr()), flags, all, address(file.as_mut_ptr())];
    // SAFETY: the path ends in NUL, and the kernel fills one structure.
    checked(unsafe { syscall(libc::SYS_statx, arguments) })?;
    // SAFETY: the kernel wrote all of it.
    Ok(unsafe { file.assume_init() })
}
