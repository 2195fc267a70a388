//! `[page]`: where the embedded page listens, and who may read it.

use super::secret::Source;
use super::wrong::Wrong;
use super::{PAGE, PageConfig, raw};

pub(super) fn page(raw: raw::Page) -> Result<PageConfig, Wrong> {
    let listen = match raw.listen.as_deref().map(str::trim) {
        None => Some(PAGE),
        Some("off") => None,
        Some(text) => Some(text.parse().map_err(|_| {
            Wrong::new("page.listen", text, "is no address and port")
                .help("such as \"127.0.0.1:9747\" or \"[::1]:9747\", or \"off\"")
        })?),
    };
    let token = match (raw.token_env, raw.token_file) {
        (None, None) => None,
        (Some(name), None) => Some(Source::Env(name)),
        (None, Some(path)) => Some(Source::File(path.into())),
        (Some(_), Some(path)) => {
            return Err(
                Wrong::new("page.token_file", path, "is a second token").help("token_env or token_file")
            );
        }
    };
    if let Some(address) = listen.filter(|address| !address.ip().is_loopback() && token.is_none()) {
        return Err(Wrong::new("page.listen", address.to_string(), "is reached by others: it needs a token")
            .help("set token_env or token_file, or listen on 127.0.0.1 behind a proxy that asks who comes"));
    }
    Ok(PageConfig { listen, hosts: raw.hosts, token })
}
