//! The operator's side of a node's HTTP door: one question, one answer, a deadline.

use std::time::Duration;

use clap::Args;
use mnemon_http::api::Failure;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

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
        self.said(self.request(path, None)?)
    }

    /// Asks for something to be done, with a body of JSON.
    ///
    /// # Errors
    /// `Unreachable`; whether it was done is then not known.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Result<Said, CliError> {
        self.said(self.request(path, Some(body))?)
    }

    /// Writes the answer of a path to `out`, however long it is; the bytes.
    ///
    /// # Errors
    /// `Unreachable`, also when the answer breaks off; `Refused` with what the node says; `System` of `out`.
    pub(crate) fn download(&self, path: &str, out: &mut impl std::io::Write) -> Result<u64, CliError> {
        let response = self.request(path, None)?;
        if response.status().as_u16() != 200 {
            return Err(self.refusal(&self.said(response)?));
        }
        let mut body = response.into_body().into_reader();
        let (mut chunk, mut bytes) = (vec![0; 64 << 10], 0);
        loop {
            let read = std::io::Read::read(&mut body, &mut chunk);
            let read = read.map_err(|cause| self.failed(cause.to_string()))?;
            let Some(part) = chunk.get(..read).filter(|part| !part.is_empty()) else { return Ok(bytes) };
            out.write_all(part)?;
            bytes += part.len() as u64;
        }
    }

    fn failed(&self, cause: String) -> CliError {
        CliError::Unreachable { url: self.url(), cause }
    }

    /// Sends a request and waits for the head of its answer.
    fn request(&self, path: &str, body: Option<&[u8]>) -> Result<Response<Body>, CliError> {
        let url = self.url();
        let deadline = Some(Duration::from_secs(self.timeout));
        let mut config = Agent::config_builder()
            .timeout_connect(deadline)
            .timeout_send_body(deadline)
            .timeout_recv_response(deadline)
            .http_status_as_error(false)
            .proxy(None);
        match url.split_once("://") {
            Some(("http", _)) => {}
            Some(("https", _)) => config = config.tls_config(self.tls()?),
            _ => return Err(self.failed("only http:// and https:// are spoken here".to_owned())),
        }
        let agent = Agent::from(config.build());
        let url = format!("{url}{path}");
        let authorization = self.password.as_ref().map(|password| basic(&self.user, password));
        let sent = match body {
            None => {
                let request = agent.get(url);
                authorization.into_iter().fold(request, |to, word| to.header("authorization", word)).call()
            }
            Some(body) => {
                let request = agent.post(url).header("content-type", "application/json");
                authorization
                    .into_iter()
                    .fold(request, |to, word| to.header("authorization", word))
                    .send(body)
            }
        };
        sent.map_err(|cause| self.failed(cause.to_string()))
    }

    fn said(&self, mut response: Response<Body>) -> Result<Said, CliError> {
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(ANSWER_MAX).read_to_string();
        Ok(Said { status, text: text.map_err(|cause| self.failed(cause.to_string()))? })
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
        self.understand(&self.get(path)?)
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// `Refused` with what the node says.
    pub(crate) fn understand<T: DeserializeOwned>(&self, said: &Said) -> Result<T, CliError> {
        if !matches!(said.status, 200 | 202) {
            return Err(self.refusal(said));
        }
        serde_json::from_str(&said.text).map_err(|cause| {
            CliError::Refused(format!(
                "{} answers what is not understood ({cause}); is it a Mnemon node?",
                self.url()
            ))
        })
    }

    fn refusal(&self, said: &Said) -> CliError {
        CliError::Refused(match serde_json::from_str::<Failure>(&said.text) {
            // What the node says is for clients of HTTP.
            Ok(failure) if failure.error == "NOAUTH" && self.password.is_none() => {
                "NOAUTH the node has a password: set MNEMON_PASSWORD, or say --password".to_owned()
            }
            Ok(failure) => format!("{} {}", failure.error, failure.message),
            Err(_) => {
                format!("{} answers with HTTP status {}; is it a Mnemon node?", self.url(), said.status)
            }
        })
    }
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}
