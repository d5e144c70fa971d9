//! The stylesheets, the scripts and the icon: in the binary, at a path with their hash, so that a browser may keep them for
//! good and still sees a new version at once.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use super::answer::Refusal;
use super::page::Frame;

struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
    path: String,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

static ASSETS: LazyLock<[Asset; 8]> = LazyLock::new(|| {
    [
        (
            "console.css",
            "text/css; charset=utf-8",
            include_str!("assets/console.css"),
        ),
        ("console.js", SCRIPT, include_str!("assets/console.js")),
        ("rules.js", SCRIPT, include_str!("assets/rules.js")),
        ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
        ("overview.js", SCRIPT, include_str!("assets/overview.js")),
        ("messages.js", SCRIPT, include_str!("assets/messages.js")),
        // uPlot 1.6.32 as it is published.
        (
            "uplot.js",
            SCRIPT,
            include_str!("assets/vendor/uplot.iife.min.js"),
        ),
        (
            "uplot.css",
            "text/css; charset=utf-8",
            include_str!("assets/vendor/uplot.min.css"),
        ),
    ]
    .map(|(name, kind, text)| {
        let hash = hex::encode(digest(&SHA256, text.as_bytes()));
        let path = format!("/console/assets/{}/{name}", hash.get(..16).unwrap_or_default());
        Asset {
            name,
            kind,
            text,
            path,
        }
    })
});

/// Where an asset is; empty when there is none of this name.
pub(super) fn path(name: &str) -> &'static str {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    found.map_or("", |asset| asset.path.as_str())
}

/// Serves the asset of this name and hash; open to all, as the sign-in page is.
pub(super) async fn serve(
    Path((hash, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked = format!("/console/assets/{hash}/{name}");
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == asked) else {
        let refusal = Refusal::new(StatusCode::NOT_FOUND, "There is no such file.");
        return Err(refusal.within(Frame::plain("").themed(&headers)));
    };
    let headers = [
        (CONTENT_TYPE, asset.kind),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, asset.text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_has_its_hash_in_its_path() {
        for name in ["console.css", "console.js", "rules.js", "icon.svg", "uplot.js"] {
            let hash = path(name)
                .strip_prefix("/console/assets/")
                .and_then(|rest| rest.strip_suffix(&format!("/{name}")))
                .unwrap();
            assert!(hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
        assert_eq!(path("console.map"), "");
    }
}
