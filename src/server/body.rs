//! Bodies of requests: how many bytes they may have, compressed and not.
//!
//! Not parsing: that is the core's.

use std::io::Read;

use axum::body::Body;
use axum::http::{header, HeaderMap, StatusCode};
use http_body_util::BodyExt;
use tidewell_core::sync::limits::MESSAGE_MAX;

/// The most memory that a compressed body may ask for besides what comes out of it (RFC 9659 allows no more): 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// The most bytes that are read of what will not be taken.
const PASSED_OVER: usize = 2 * MESSAGE_MAX;

/// Why a body is not taken: a status, a code and a sentence.
pub(crate) type Refused = (StatusCode, &'static str, String);

/// A request's body, decompressed.
pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Refused> {
    let encoding = headers.get(header::CONTENT_ENCODING).map(|encoding| encoding.as_bytes().to_ascii_lowercase());
    let bytes = collect(body).await?;
    match encoding.as_deref() {
        None | Some(b"identity") => Ok(bytes),
        Some(b"gzip") => work(|| out_of(flate2::read::MultiGzDecoder::new(&*bytes))),
        Some(b"zstd") => work(|| {
            let mut decoder = zstd::stream::read::Decoder::new(&*bytes).map_err(|error| broken(&error))?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|error| broken(&error))?;
            out_of(decoder)
        }),
        Some(_) => {
            let message = "the body's encoding must be gzip, zstd or none".to_owned();
            Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoding", message))
        }
    }
}

/// The bytes of a body, if it has not too many. What is too much is read for a while and let go: a client that cannot send
/// on does not see the answer.
async fn collect(mut body: Body) -> Result<Vec<u8>, Refused> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| (StatusCode::BAD_REQUEST, "invalid", "the body ended early".to_owned()))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= MESSAGE_MAX {
            bytes.extend_from_slice(&data);
        } else if length > PASSED_OVER {
            break;
        }
    }
    if length > MESSAGE_MAX {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Reads the body of a request that is refused anyway, and keeps nothing of it.
pub(crate) async fn pass_over(mut body: Body) {
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, axum::body::Bytes::len);
        if length > PASSED_OVER {
            break;
        }
    }
}

/// Lets other requests go on while this thread works.
pub(crate) fn work<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

fn out_of(decoder: impl Read) -> Result<Vec<u8>, Refused> {
    let mut bytes = Vec::new();
    decoder.take(MESSAGE_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|error| broken(&error))?;
    if bytes.len() > MESSAGE_MAX {
        return Err(too_large());
    }
    Ok(bytes)
}

fn too_large() -> Refused {
    let message = format!("a message has at most {MESSAGE_MAX} bytes, after decompression");
    (StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
}

fn broken(error: &std::io::Error) -> Refused {
    (StatusCode::BAD_REQUEST, "invalid", format!("the body cannot be decompressed: {error}"))
}
