//! Who has sent a request.

use core::ffi::CStr;

use zinit_pid1::model::buffer::Buffer;
use zinit_pid1::model::message::Record;

use super::Sys;
use super::raw;

/// What the kernel tells of the sender of a signal, sigaction(2).
#[derive(Clone, Copy)]
pub struct Sender {
    /// 0 for the kernel, and for a process outside of this PID namespace.
    pid: i32,
    /// SI_KERNEL is above 0, and what processes send is not.
    code: i32,
    /// The low byte of the value that sigqueue(3) sends along; 0 for any other signal.
    pub value: u8,
}

impl Sender {
    /// PID 1 itself, which continues a soft restart of an earlier PID 1.
    pub const PID1: Self = Self { pid: 1, code: 0, value: 0 };

    /// The sender of a signal.
    pub fn of(info: &libc::siginfo_t) -> Self {
        // SAFETY: the fields are there for each signal that is a request; a value only with this code.
        let (pid, value) = unsafe { (info.si_pid(), info.si_value().sival_ptr.addr()) };
        let code = info.si_code;
        Self { pid, code, value: if code == libc::SI_QUEUE { value as u8 } else { 0 } }
    }
}

impl Sys<'_> {
    /// Logs a record of the policy; one about a request names its sender.
    #[inline(never)] // 1 kB of stack, which would stay in the frame of `run`
    pub(super) fn log_record(&self, record: &Record) {
        if !record.message.names_sender() {
            return self.log.record(record);
        }
        let pid = self.sender.get().pid.cast_unsigned();
        let mut path = Buffer::default();
        path.number(pid);
        path.extend(b"/comm\0");
        // SAFETY: it ends in NUL.
        let path = unsafe { CStr::from_ptr(path.as_bytes().as_ptr().cast()) };
        let mut buf = [0; 16];
        let name: &[u8] = match raw::read_file_in(self.proc.get(), path, &mut buf) {
            [name @ .., _newline] => name,
            [] if pid != 0 => b"gone",
            [] if self.sender.get().code > 0 => b"the kernel",
            [] => b"a process outside",
        };
        self.log.write(&record.number(pid), name);
    }
}
