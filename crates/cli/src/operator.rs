//! The operator's side of a node's HTTP door: one question, one answer, a deadline.

use std::time::Duration;

use clap::Args;
use mnemon_http::api::Failure;
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::error::CliError;
use crate::trust::{Trust, provider};

/// An answer may have so many bytes.
const ANSWER_MAX: u64 = 64 << 20;

/// Which node is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    /// The node's HTTP address; https:// where it speaks TLS.
    #[arg(long, env = "MNEMON_CONNECT_HTTP", value_name = "URL", default_value = "http://127.0.0.1:7072")]
    connect: String,

    /// The user whose password it is.
    #[arg(long, env = "MNEMON_LOGIN", value_name = "NAME", default_value = "default")]
    user: String,

    /// The password; better given by the environment, where other users of this machine cannot read it.
    #[arg(long, env = "MNEMON_PASSWORD", value_name = "PASSWORD", hide_env_values = true)]
    password: Option<String>,

    #[command(flatten)]
    trust: Trust,

    /// How long to wait for an answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

/// An answer: its status and its text.
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Target {
    /// The address without a slash at its end; `http://` may be left out.
    pub(crate) fn url(&self) -> String {
        let url = self.connect.trim_end_matches('/');
        if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
    }

    /// Asks for a path.
    ///
    /// # Errors
    /// `Unreachable`.
    pub(crate) fn get(&self, path: &str) -> Result<Said, CliError> {
        let url = self.url();
        let failed = |cause: String| CliError::Unreachable { url: url.clone(), cause };
        let deadline = Some(Duration::from_secs(self.timeout));
        let mut config =
            Agent::config_builder().timeout_global(deadline).http_status_as_error(false).proxy(None);
        match url.split_once("://") {
            Some(("http", _)) => {}
            Some(("https", _)) => config = config.tls_config(self.tls()?),
            _ => return Err(failed("only http:// and https:// are spoken here".to_owned())),
        }
        let mut request = Agent::from(config.build()).get(format!("{url}{path}"));
        if let Some(password) = &self.password {
            request = request.header("authorization", basic(&self.user, password));
        }
        let mut response = request.call().map_err(|cause| failed(cause.to_string()))?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(ANSWER_MAX).read_to_string();
        Ok(Said { status, text: text.map_err(|cause| failed(cause.to_string()))? })
    }

    fn tls(&self) -> Result<TlsConfig, CliError> {
        let trusted = self.trust.certificates()?;
        let trusted = trusted.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
        let roots = RootCerts::from(trusted);
        Ok(TlsConfig::builder().unversioned_rustls_crypto_provider(provider()).root_certs(roots).build())
    }

    /// Asks for a path and reads the answer.
    ///
    /// # Errors
    /// `Unreachable`, `Refused` with what the node says.
    pub(crate) fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        let said = self.get(path)?;
        if said.status != 200 {
            return Err(CliError::Refused(match serde_json::from_str::<Failure>(&said.text) {
                Ok(failure) => format!("{} {}", failure.error, failure.message),
                Err(_) => {
                    format!("{} answers with HTTP status {}; is it a Mnemon node?", self.url(), said.status)
                }
            }));
        }
        serde_json::from_str(&said.text).map_err(|cause| {
            CliError::Refused(format!(
                "{} answers what is not understood ({cause}); is it a Mnemon node?",
                self.url()
            ))
        })
    }
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}
