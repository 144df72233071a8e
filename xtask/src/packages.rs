//! The system packages that a build needs, named and installed as Debian has them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::Failure;
use crate::run;

/// One thing that must be there, and the packages that bring it.
struct Need {
    what: &'static str,
    packages: &'static [&'static str],
    present: fn() -> bool,
    /// Whether the project can be built and tested without it, but for `what`.
    optional: bool,
}

const NEEDS: &[Need] = &[
    Need {
        what: "C compiler with its headers",
        packages: &["gcc", "libc6-dev"],
        present: c_compiler_works,
        optional: false,
    },
    Need {
        what: "pip for Python, for the tests against the service's own clients",
        packages: &["python3-pip"],
        present: || run::succeeds(Command::new("python3").args(["-m", "pip", "--version"])),
        optional: true,
    },
];

/// Installs what is missing where this user may, or says what to type.
pub(crate) fn ensure() -> Result<(), Failure> {
    for need in NEEDS {
        if (need.present)() {
            continue;
        }
        let result = install(need.packages).and_then(|()| {
            if (need.present)() {
                Ok(())
            } else {
                Err(format!("there is still none after installing {}", need.packages.join(" and ")))
            }
        });
        match result {
            Ok(()) => println!("Installed the {} ({}).", need.what, need.packages.join(" and ")),
            Err(failure) if need.optional => {
                println!(
                    "NOTE: there is no {}. Without it `test` skips those tests, and `ci` fails unless \
                     LIVEFACE_OFFLINE=1 is set. {failure}",
                    need.what
                );
            }
            Err(failure) => return Err(format!("there is no {}: {failure}", need.what)),
        }
    }
    Ok(())
}

/// Includes a header of the C library, so that a compiler without its headers is noticed.
fn c_compiler_works() -> bool {
    let compile = "echo '#include <stdlib.h>' | cc -x c -fsyntax-only -";
    run::succeeds(Command::new("sh").args(["-c", compile]))
}

/// One look for new packages is enough for all installs.
static UPDATED: OnceLock<Result<(), Failure>> = OnceLock::new();

fn install(packages: &[&str]) -> Result<(), Failure> {
    let command = format!("apt-get update && apt-get install -y {}", packages.join(" "));
    if !Path::new("/usr/bin/apt-get").exists() {
        let names = packages.join(" and ");
        return Err(format!("install what your system has in place of Debian's {names}"));
    }
    let user = run::output(Command::new("id").arg("-u"))?;
    if user.trim_ascii() != b"0" {
        return Err(format!("as root, run: {command}"));
    }
    println!("Installing {} ...", packages.join(" and "));
    UPDATED.get_or_init(|| apt_get(&["update"])).clone()?;
    apt_get(&[&["install", "-y", "--no-install-recommends"], packages].concat())
        .map_err(|failure| format!("{failure}\nTry by hand: {command}"))
}

fn apt_get(arguments: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new("apt-get");
    command.arg("-q").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    run::output(command.stdin(Stdio::null())).map(|_| ())
}
