//! A program that takes the arguments of `mnemon serve` and becomes a `redis-server`.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A directory with the program in it; both vanish on drop.
pub(crate) struct StandIn {
    directory: PathBuf,
}

impl StandIn {
    /// Makes the program, which gives Redis the `extra` arguments too; `None` where Redis is absent, which `MNEMON_REQUIRE_PEERS` forbids.
    pub(crate) fn make(test: &str, extra: &str) -> Option<Self> {
        let Some(redis) = find("redis-server").filter(|_| find("redis-benchmark").is_some()) else {
            assert!(
                env::var_os("MNEMON_REQUIRE_PEERS").is_none(),
                "redis-server and redis-benchmark are required here"
            );
            return None;
        };
        let directory = env::temp_dir().join(format!("mnemon-bench-test-{}-{test}", std::process::id()));
        fs::create_dir_all(&directory).expect("the temporary directory can be written");
        let script = format!(
            "#!/bin/sh\n[ \"$1 $2 $3\" = 'serve --ram --resp' ] || exit 64\nexec {} --port \"${{4##*:}}\" --save '' --appendonly no {extra}\n",
            redis.display()
        );
        let program = directory.join("mnemon");
        fs::write(&program, script).expect("the temporary directory can be written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
            .expect("a file of ours can be changed");
        Some(Self { directory })
    }

    /// Where the program is.
    pub(crate) fn program(&self) -> PathBuf {
        self.directory.join("mnemon")
    }

    /// A directory that holds no peer.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// The file called `name` in `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|directory| directory.join(name)).find(|path| path.is_file())
}
