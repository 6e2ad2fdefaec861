//! Which addresses are taken from a configuration and from a provider.

use url::Url;

use super::http;

/// Reads an address that requests go to, or a browser is sent to.
pub(super) fn endpoint(text: &str) -> Result<Url, &'static str> {
    check_spelling(text)?;
    let url = Url::parse(text).map_err(|_| "is no absolute URL, such as https://provider.example/token")?;
    match url.scheme() {
        "https" => {}
        "http" if http::is_loopback(&url) => {}
        "http" => {
            return Err(
                "must begin with https; http is for this machine alone (localhost, 127.0.0.1, [::1])",
            );
        }
        _ => return Err("must begin with https"),
    }
    if has_user_info(&url) {
        return Err("must hold no user name and no password");
    }
    if url.fragment().is_some() {
        return Err("must have no fragment, the part behind `#`"); // RFC 6749 sections 3.1 and 3.2
    }
    if http::is_forbidden_address(&url) {
        return Err("must not lead to a link-local or unspecified address");
    }
    Ok(url)
}

/// Checks where the browser is sent back to (RFC 6749 section 3.1.2). Applications on devices have schemes of their own (RFC 8252 section 7.1).
pub(super) fn check_redirect_url(text: &str) -> Result<(), &'static str> {
    check_spelling(text)?;
    let url = Url::parse(text).map_err(|_| "is no absolute URL, such as https://app.example/callback")?;
    if matches!(url.scheme(), "javascript" | "data" | "file" | "blob" | "vbscript" | "about") {
        return Err("must lead to the application");
    }
    if has_user_info(&url) {
        return Err("must hold no user name and no password");
    }
    if url.fragment().is_some() {
        return Err("must have no fragment, the part behind `#`");
    }
    Ok(())
}

/// Refuses what a lenient reader of URLs repairs, each in its own way: then two readers see two hosts.
fn check_spelling(text: &str) -> Result<(), &'static str> {
    if text.chars().any(|character| character.is_whitespace() || character.is_control() || character == '\\')
    {
        return Err("must hold no spaces, control characters and backslashes");
    }
    let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    if is_web && !rest.starts_with("//") {
        return Err("is no absolute URL, such as https://provider.example/path");
    }
    let authority = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err("must hold no user name and no password");
    }
    Ok(())
}

fn has_user_info(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}
