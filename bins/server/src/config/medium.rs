//! An entry `[[media]]`: a medium, and how it is served.
use super::keys::Setting;
use crate::cli::{self, Media, Serve, SourceTransport, Sources};
use crate::device::is_device;
use crate::network::network;
use clap::Args;
use pinhole::sdp::FrameRate;
use pinhole_std::media::{NormaliseOptions, Playback, SourceOptions, SourceUrl};
use pinhole_std::server::ipnet::IpNet;
use pinhole_std::tls::Fingerprint;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The keys of an entry. Where one is left out, the option of the same name counts.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct MediumKeys {
    /// A file, a directory, "-" for standard input, or a camera such as /dev/video0
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,

    /// A camera or server of the network, in place of a path: rtsp://HOST/PATH, rtsph://HOST/PATH or http://HOST/PATH
    #[arg(long, value_name = "URL", value_parser = cli::source_url)]
    pub(crate) source: Option<SourceUrl>,

    /// The path in the URL that it is served at; of a directory, that of its pictures, and what comes before the names
    /// of its files [default: the name of the file or directory, or the last part of the source's URL]
    #[arg(long, value_name = "NAME", value_parser = cli::mount)]
    pub(crate) name: Option<String>,

    /// The users who may watch it, and nobody else, whatever the users' read says [default: all whose read has its path]
    #[arg(long, value_name = "USER", value_parser = cli::user_name)]
    pub(crate) users: Option<Vec<String>>,

    /// The addresses and networks from which it may be watched [default: all]
    #[arg(long, value_name = "ADDR[/BITS]", value_parser = network)]
    pub(crate) allow: Vec<IpNet>,

    /// Those from which it may not be watched, whatever allow says
    #[arg(long, value_name = "ADDR[/BITS]", value_parser = network)]
    pub(crate) deny: Vec<IpNet>,

    /// Frames per second, if it has no clock of its own
    #[arg(long, value_name = "N", value_parser = pinhole_args::frame_rate)]
    pub(crate) fps: Option<FrameRate>,

    /// Start over when it ends
    #[arg(long = "loop", value_name = "BOOL")]
    pub(crate) repeat: Option<bool>,

    /// Decode and encode anew what RTP cannot carry
    #[arg(long, value_name = "BOOL")]
    pub(crate) transcode: Option<bool>,

    /// Pull the source always, and not only while somebody watches
    #[arg(long, value_name = "BOOL")]
    pub(crate) always: Option<bool>,

    /// How long the source is kept after the last one who watches it has left
    #[arg(long, value_name = "TIME", value_parser = pinhole_args::time)]
    pub(crate) linger: Option<Duration>,

    /// How to ask the source for its packets
    #[arg(long, value_name = "HOW")]
    pub(crate) source_transport: Option<SourceTransport>,

    /// The SHA-256 fingerprint of the certificate of an rtsps:// source
    #[arg(long, value_name = "HEX")]
    pub(crate) source_fingerprint: Option<Fingerprint>,
}

/// The keys that say who may watch a medium.
const OF_WATCHING: [&str; 3] = ["users", "allow", "deny"];

/// A medium, and how it is served.
#[derive(Clone, Debug)]
pub(crate) struct Medium {
    pub(crate) media: Media,
    pub(crate) keys: MediumKeys,
    /// What makes it, for printing and comparing.
    pub(super) settings: Vec<Setting>,
}

impl Medium {
    /// Makes a medium of an entry.
    ///
    /// # Errors
    /// The keys do not go together: why, and the key that is wrong, if it is one of those that are there.
    pub(super) fn new(
        keys: MediumKeys,
        settings: Vec<Setting>,
    ) -> Result<Self, (Option<&'static str>, String)> {
        let media = match (&keys.path, &keys.source) {
            (Some(path), None) => Media::Path(path.clone()),
            (None, Some(url)) => {
                let name = keys.name.clone().unwrap_or_else(|| url.name().to_owned());
                Media::Source { name, url: url.clone() }
            }
            (both, _) => {
                let key = both.is_some().then_some("source");
                return Err((key, "one of \"path\" and \"source\" is expected: what is served".to_owned()));
            }
        };
        let is_source = matches!(media, Media::Source { .. });
        let (others, what): (&[_], _) = match is_source {
            true => (&["loop"], "source, which has no end"),
            false => {
                (&["always", "linger", "source-transport", "source-fingerprint"], "path; it is for a source")
            }
        };
        let has = |key: &str| settings.iter().any(|setting| setting.key == key);
        if let Some(&key) = others.iter().find(|key| has(key)) {
            return Err((Some(key), format!("\"{key}\" has no effect on a {what}")));
        }
        Ok(Self { media, keys, settings })
    }

    /// Makes a medium of what the command line names.
    pub(super) fn named(media: &Media) -> Self {
        let setting = |key: &str, text: String| Setting { key: key.to_owned(), texts: vec![text] };
        let settings = match media {
            Media::Path(path) => vec![setting("path", path.to_string_lossy().into_owned())],
            Media::Source { name, url } => {
                vec![setting("source", url.text().to_owned()), setting("name", name.clone())]
            }
        };
        Self { media: media.clone(), keys: MediumKeys::default(), settings }
    }

    /// Returns how it is played.
    pub(crate) fn playback(&self, serve: &Serve) -> Playback {
        let frame_rate = self.keys.fps.or(serve.fps).unwrap_or(cli::DEFAULT_FPS);
        Playback { frame_rate, repeat: self.keys.repeat.unwrap_or(serve.repeat) }
    }

    /// Returns what is done to its frames.
    pub(crate) fn normalising(&self, serve: &Serve) -> NormaliseOptions {
        let all = serve.frames.normalising();
        NormaliseOptions { transcode: self.keys.transcode.unwrap_or(all.transcode), ..all }
    }

    /// Returns how it is pulled, if it is a source.
    pub(crate) fn source_options(&self, serve: &Serve) -> SourceOptions {
        let MediumKeys { always, linger, source_transport, source_fingerprint, .. } = self.keys;
        let all = serve.sources;
        let sources = Sources {
            always: always.unwrap_or(all.always),
            linger: linger.unwrap_or(all.linger),
            source_transport: source_transport.unwrap_or(all.source_transport),
            source_fingerprint: source_fingerprint.or(all.source_fingerprint),
        };
        sources.options()
    }

    /// Whether it can be removed and added while the server runs. Standard input and cameras of this machine cannot.
    pub(crate) fn can_change(&self) -> bool {
        match &self.media {
            Media::Source { .. } => true,
            Media::Path(path) => path != Path::new("-") && !is_device(path),
        }
    }

    /// Whether another medium is this one, except for who may watch it, and from where.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let others = |settings: &[Setting]| -> Vec<_> {
            settings.iter().filter(|setting| !OF_WATCHING.contains(&&*setting.key)).cloned().collect()
        };
        others(&self.settings) == others(&other.settings)
    }
}
