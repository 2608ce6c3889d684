//! Semihosting: calls into the host that runs the emulator (Arm, *Semihosting for AArch32 and AArch64*, release 3.0).
//! Everything here stops the processor until the host has answered.

use core::ffi::CStr;

/// Longest command line, in bytes.
const MAX_COMMAND_LINE: usize = 512;

const SYS_OPEN: usize = 0x01;
const SYS_WRITE0: usize = 0x04;
const SYS_WRITE: usize = 0x05;
const SYS_READ: usize = 0x06;
const SYS_SEEK: usize = 0x0a;
const SYS_GET_CMDLINE: usize = 0x15;
const SYS_EXIT_EXTENDED: usize = 0x20;
const APPLICATION_EXIT: usize = 0x2_0026;
/// Modes of SYS_OPEN, as of `fopen`.
const READ_BINARY: usize = 1;
const UPDATE_BINARY: usize = 3;

/// The host did not do what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostError;

/// An open file of the host.
#[derive(Debug)]
pub struct File {
    handle: usize,
}

impl File {
    /// Opens a file to be read.
    ///
    /// # Errors
    /// [`HostError`] if the host cannot.
    pub fn open(name: &CStr) -> Result<Self, HostError> {
        Self::open_as(name, READ_BINARY)
    }

    /// Opens a file that exists, to be read and written.
    ///
    /// # Errors
    /// [`HostError`] if the host cannot.
    pub fn open_to_update(name: &CStr) -> Result<Self, HostError> {
        Self::open_as(name, UPDATE_BINARY)
    }

    fn open_as(name: &CStr, mode: usize) -> Result<Self, HostError> {
        let parameters = [name.as_ptr() as usize, mode, name.count_bytes()];
        // SAFETY: `name` is a string of this length with a zero after it, and the host only reads it.
        match unsafe { call(SYS_OPEN, parameters.as_ptr() as usize) } {
            usize::MAX => Err(HostError),
            handle => Ok(Self { handle }),
        }
    }

    /// Reads as many bytes as `bytes` has, from `offset`.
    ///
    /// # Errors
    /// [`HostError`] if there are fewer.
    pub fn read_at(&self, offset: u32, bytes: &mut [u8]) -> Result<(), HostError> {
        self.seek(offset)?;
        self.read(bytes)
    }

    /// Reads as many bytes as `bytes` has.
    ///
    /// # Errors
    /// [`HostError`] if there are fewer.
    pub fn read(&self, bytes: &mut [u8]) -> Result<(), HostError> {
        let parameters = [self.handle, bytes.as_mut_ptr() as usize, bytes.len()];
        // SAFETY: the host writes at most `len` bytes to where `bytes` is, which is borrowed for nobody else meanwhile.
        let left = unsafe { call(SYS_READ, parameters.as_ptr() as usize) };
        if left == 0 { Ok(()) } else { Err(HostError) }
    }

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// [`HostError`] if not all of them were written.
    pub fn write_at(&self, offset: u32, bytes: &[u8]) -> Result<(), HostError> {
        self.seek(offset)?;
        let parameters = [self.handle, bytes.as_ptr() as usize, bytes.len()];
        // SAFETY: the host reads `len` bytes of `bytes` and writes nothing here.
        let left = unsafe { call(SYS_WRITE, parameters.as_ptr() as usize) };
        if left == 0 { Ok(()) } else { Err(HostError) }
    }

    fn seek(&self, offset: u32) -> Result<(), HostError> {
        let parameters = [self.handle, offset as usize];
        // SAFETY: SYS_SEEK reads these two words and nothing else.
        let done = unsafe { call(SYS_SEEK, parameters.as_ptr() as usize) };
        if done == 0 { Ok(()) } else { Err(HostError) }
    }
}

/// What the emulator was told to run, and the name of the file that follows it, with all its spaces.
#[derive(Debug)]
pub struct CommandLine {
    bytes: [u8; MAX_COMMAND_LINE],
}

impl CommandLine {
    /// Asks the host.
    ///
    /// # Errors
    /// [`HostError`] if there is none, or one of more than 511 bytes.
    pub fn read() -> Result<Self, HostError> {
        let mut bytes = [0; MAX_COMMAND_LINE];
        let mut parameters = [bytes.as_mut_ptr() as usize, bytes.len()];
        // SAFETY: the host writes at most `len` bytes to where `bytes` is, and the length to `parameters`.
        let failed = unsafe { call(SYS_GET_CMDLINE, parameters.as_mut_ptr() as usize) };
        if failed == 0 { Ok(Self { bytes }) } else { Err(HostError) }
    }

    /// What follows the first word.
    ///
    /// # Errors
    /// [`HostError`] if nothing does.
    pub fn file(&self) -> Result<&CStr, HostError> {
        let space = self.bytes.iter().position(|byte| *byte == b' ').ok_or(HostError)?;
        let rest = self.bytes.get(space.saturating_add(1)..).ok_or(HostError)?;
        CStr::from_bytes_until_nul(rest).ok().filter(|name| !name.is_empty()).ok_or(HostError)
    }
}

/// Writes a text to the host's console.
pub fn say(text: &CStr) {
    // SAFETY: the host reads up to the zero at the end and writes nothing here.
    unsafe { call(SYS_WRITE0, text.as_ptr() as usize) };
}

/// Ends the emulator with an exit code.
pub fn exit(code: u32) -> ! {
    let parameters = [APPLICATION_EXIT, code as usize];
    loop {
        // SAFETY: the host reads these two words; it does not come back.
        unsafe { call(SYS_EXIT_EXTENDED, parameters.as_ptr() as usize) };
    }
}

/// # Safety
/// `parameter` must be what the `operation` wants: in most cases the address of words that live until this returns, whose
/// pointers the host may follow.
#[cfg(target_arch = "arm")]
unsafe fn call(operation: usize, parameter: usize) -> usize {
    let answer;
    // SAFETY: the breakpoint with this number is the call into the host, which changes r0 and what the caller has agreed to.
    unsafe {
        core::arch::asm!("bkpt 0xab", inout("r0") operation => answer, in("r1") parameter, options(nostack, preserves_flags));
    }
    answer
}
