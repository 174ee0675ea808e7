//! Covers: downloaded once, decoded once, scaled once per size, and cached within bounds in memory and on disk.
//!
//! A cover's URL comes from one server's answer and its bytes from another server, so neither is trusted: covers are only
//! downloaded over https from Spotify's image hosts, and a file that is too long, too large, damaged or no picture is an error,
//! which is cached for a while, so that the download isn't repeated.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, ImageReader, Limits, RgbImage, imageops};
use lru::LruCache;
use reqwest::redirect;
use tiny_skia::Pixmap;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use url::{Origin, Url};

use super::colour::{self, Rgb};
use super::disk::Disk;
use crate::http::{Http, read_body};
use crate::supervisor::Supervisor;

/// How long an idle connection stays open. Covers are loaded in bursts with minutes between them, and a connection from before
/// the computer slept would be dead.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Limits of the cover cache. The package uses [`CoverLimits::default`] with a folder.
#[derive(Debug, Clone)]
pub struct CoverLimits {
    /// Origins that are allowed in addition to Spotify's image hosts ("http://127.0.0.1:4000"), for a simulated Spotify.
    /// Entries that can't be parsed are ignored.
    pub extra_origins: Vec<String>,
    /// Maximum length of a picture's file, in bytes. Spotify's largest have some 200,000.
    pub max_file_bytes: usize,
    /// Maximum width and height of a picture according to its header, in pixels: a larger one is not decoded. Spotify's
    /// largest have 640; time and memory grow with the square.
    pub max_pixels: u32,
    /// Time limit of a download.
    pub timeout: Duration,
    /// Maximum number of decoded covers in memory.
    pub max_covers: usize,
    /// Maximum memory of the decoded covers, in bytes.
    pub max_bytes: usize,
    /// How long a failure is cached.
    pub retry_after: Duration,
    /// The folder of the disk cache; `None` disables it. It must contain nothing else, because old files in it are removed. It
    /// is created with the first cover.
    pub folder: Option<PathBuf>,
    /// Maximum size of all files in the folder, in bytes.
    pub max_folder_bytes: u64,
}

impl Default for CoverLimits {
    fn default() -> Self {
        CoverLimits {
            extra_origins: Vec::new(),
            max_file_bytes: 2 << 20,
            max_pixels: 1280,
            timeout: Duration::from_secs(10),
            max_covers: 32,
            max_bytes: 6 << 20,
            retry_after: Duration::from_secs(60),
            folder: None,
            max_folder_bytes: 16 << 20,
        }
    }
}

/// Returns the folder of the disk cache, in the user's cache folder. `None` without a home folder.
#[must_use]
pub fn default_cover_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "spotify-widgets").map(|folders| folders.cache_dir().join("covers"))
}

/// Why there is no cover.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoverError {
    /// Covers may not be loaded from this URL.
    #[error("covers are not fetched from there")]
    NotAllowed,
    /// The server couldn't be reached, or the connection broke. The cause is in the log.
    #[error("the cover could not be fetched")]
    Network,
    /// The server answered with another status than 200.
    #[error("the image server answered with status {0}")]
    Status(u16),
    /// The download took longer than [`CoverLimits::timeout`].
    #[error("the cover took too long")]
    TimedOut,
    /// The file is longer, or the picture larger, than the limits.
    #[error("the cover is too large")]
    TooLarge,
    /// The file is no JPEG or PNG, or is damaged.
    #[error("the cover is not a picture that can be read")]
    NotAPicture,
}

/// The result of [`Covers::get`].
#[derive(Debug, Clone)]
pub enum CoverState {
    /// The cover is loaded.
    Ready(Arc<Cover>),
    /// The cover is being loaded; the channel reports when it is ready or has failed. While too many are being loaded, another
    /// one isn't started before the next call of [`Covers::get`].
    Pending,
    /// The cover is unavailable for now.
    Failed(CoverError),
}

impl CoverState {
    /// Returns the cover, if it is loaded.
    #[must_use]
    pub fn ready(&self) -> Option<&Arc<Cover>> {
        match self {
            CoverState::Ready(cover) => Some(cover),
            CoverState::Pending | CoverState::Failed(_) => None,
        }
    }
}

/// Returns the URL of the best of a cover's sizes, given as widths and URLs: the smallest that is at least `pixels` wide, so
/// that it is sharp but no larger than necessary, else the widest.
///
/// Spotify's covers are 640, 300 and 64 pixels wide, widest first. A width of 0 stands for an unknown one, which is only used
/// if there is no other, and then the first.
#[must_use]
pub fn best_cover(covers: &[(u32, String)], pixels: u32) -> Option<&str> {
    let enough = covers.iter().filter(|(width, _)| *width >= pixels.max(1)).min_by_key(|(width, _)| *width);
    // Of several equal ones `max_by_key` returns the last, which is the first in the reversed order.
    let widest = || covers.iter().rev().max_by_key(|(width, _)| *width);
    enough.or_else(widest).map(|(_, url)| url.as_str())
}

/// A decoded cover.
pub struct Cover {
    picture: RgbImage,
    background: Rgb,
    scaled: Mutex<Vec<(u32, Arc<Pixmap>)>>,
}

impl std::fmt::Debug for Cover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cover({} x {})", self.picture.width(), self.picture.height())
    }
}

impl Cover {
    /// Width and height of the stored picture, in pixels: those of Spotify's largest covers. A larger picture is reduced to
    /// it, as no face shows more than 432 pixels. A smaller limit would cost sharpness, as covers are scaled twice then.
    const MAX_PIXELS: u32 = 640;
    /// Number of scaled forms that are cached. A Panel rarely shows one cover in more sizes at a time.
    const MAX_SIZES: usize = 4;

    /// Decodes a JPEG or PNG file of at most `pixels` width and height.
    ///
    /// # Errors
    /// [`CoverError::TooLarge`] and [`CoverError::NotAPicture`].
    pub fn decode(file: &[u8], pixels: u32) -> Result<Cover, CoverError> {
        let mut reader = ImageReader::new(Cursor::new(file));
        // Unlike `with_guessed_format`, this can't fail. An unknown format is an error of `decode`.
        if let Ok(format) = image::guess_format(file) {
            reader.set_format(format);
        }
        let mut limits = Limits::default();
        limits.max_image_width = Some(pixels);
        limits.max_image_height = Some(pixels);
        // Memory for the picture at 8 bits per channel, and for the decoder's buffers of the same size.
        limits.max_alloc = Some(u64::from(pixels) * u64::from(pixels) * 8);
        reader.limits(limits);
        let picture = reader.decode().map_err(|error| {
            tracing::debug!(error = &error as &dyn std::error::Error, "a cover can't be decoded");
            match error {
                image::ImageError::Limits(_) => CoverError::TooLarge,
                _ => CoverError::NotAPicture,
            }
        })?;
        let picture = flatten(picture);
        let picture = if picture.width().max(picture.height()) > Self::MAX_PIXELS {
            scale(&picture, Self::MAX_PIXELS).ok_or(CoverError::NotAPicture)?
        } else {
            picture
        };
        let background = colour::dominant(&imageops::thumbnail(&picture, 48, 48)).behind_text();
        Ok(Cover { picture, background, scaled: Mutex::new(Vec::new()) })
    }

    /// Returns the background colour of text beside this cover.
    pub(super) fn background(&self) -> Rgb {
        self.background
    }

    /// Returns the whole picture scaled to fit `px` by `px` pixels.
    pub(super) fn scaled(&self, px: u32) -> Option<Arc<Pixmap>> {
        let mut scaled = lock(&self.scaled);
        if let Some((_, pixmap)) = scaled.iter().find(|(size, _)| *size == px) {
            return Some(pixmap.clone());
        }
        let picture = scale(&self.picture, px)?;
        let mut pixmap = Pixmap::new(picture.width(), picture.height())?;
        for (pixel, from) in pixmap.data_mut().chunks_exact_mut(4).zip(picture.pixels()) {
            let [r, g, b] = from.0;
            pixel.copy_from_slice(&[r, g, b, 255]);
        }
        let pixmap = Arc::new(pixmap);
        if scaled.len() >= Self::MAX_SIZES {
            scaled.remove(0);
        }
        scaled.push((px, pixmap.clone()));
        Some(pixmap)
    }

    /// Returns the sizes of the cached scaled forms.
    #[cfg(test)]
    pub(super) fn scaled_sizes(&self) -> Vec<u32> {
        lock(&self.scaled).iter().map(|(size, _)| *size).collect()
    }

    /// Returns the memory of the picture and its scaled forms, in bytes.
    fn bytes(&self) -> usize {
        let scaled: usize = lock(&self.scaled).iter().map(|(_, pixmap)| pixmap.data().len()).sum();
        self.picture.as_raw().len() + scaled
    }
}

/// Scales a picture so that its longer side has `px` pixels. `None` for a picture without pixels.
fn scale(picture: &RgbImage, px: u32) -> Option<RgbImage> {
    let (width, height) = picture.dimensions();
    let longer = u64::from(width.max(height).max(1));
    let share = |side: u32| u32::try_from((u64::from(side) * u64::from(px) + longer / 2) / longer).unwrap_or(px).max(1);
    let from = ImageRef::new(width, height, picture.as_raw(), PixelType::U8x3).ok()?;
    let mut to = Image::new(share(width), share(height), PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3));
    Resizer::new().resize(&from, &mut to, &options).ok()?;
    RgbImage::from_raw(to.width(), to.height(), to.into_vec())
}

/// Makes a picture opaque by drawing it on a key's background.
fn flatten(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let rgba = picture.into_rgba8();
    let mut opaque = RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in opaque.pixels_mut().zip(rgba.pixels()) {
        let [r, g, b, alpha] = from.0;
        let Rgb(r, g, b) = colour::KEY.blend(Rgb(r, g, b), f32::from(alpha) / 255.0);
        to.0 = [r, g, b];
    }
    opaque
}

/// The cache of covers, loaded, being loaded or failed.
///
/// Cheap to clone; all clones share one cache.
#[derive(Clone)]
pub struct Covers(Arc<Shared>);

struct Shared {
    limits: CoverLimits,
    extra_origins: Arc<[Origin]>,
    tasks: Supervisor,
    slots: Mutex<Slots>,
    loaded: mpsc::Sender<String>,
    http: Http,
    disk: Option<Disk>,
    downloads: Semaphore,
    /// One at a time: decoding a picture at the limits takes 13 MB and up to 50 ms.
    decoding: Semaphore,
}

/// The covers by URL, the most recently used first.
struct Slots {
    /// Bounded by [`CoverLimits::max_covers`] and [`CoverLimits::max_bytes`].
    ready: LruCache<String, Arc<Cover>>,
    /// Bounded by [`Covers::MAX_OPEN`].
    open: LruCache<String, Open>,
}

/// A cover that isn't loaded.
enum Open {
    Pending,
    Failed(CoverError, Instant),
}

impl Covers {
    /// Concurrent downloads.
    const MAX_DOWNLOADS: usize = 4;
    /// Longest URL, in bytes. Spotify's have some 70.
    const MAX_URL_BYTES: usize = 2048;
    /// Maximum number of covers that are being loaded or cached as failed.
    const MAX_OPEN: usize = 64;

    /// Creates an empty cache that loads covers in `tasks`, and the channel on which it reports the URL of each cover that is
    /// ready or has failed. The receiver then redraws the faces with that cover.
    pub fn new(limits: CoverLimits, tasks: Supervisor) -> (Covers, mpsc::Receiver<String>) {
        let (loaded, receiver) = mpsc::channel(16);
        let extra_origins: Arc<[Origin]> = limits
            .extra_origins
            .iter()
            .filter_map(|address| Url::parse(address).ok())
            .map(|url| url.origin())
            .filter(Origin::is_tuple)
            .collect();
        let disk =
            limits.folder.clone().map(|folder| Disk::new(folder, limits.max_folder_bytes, limits.max_file_bytes));
        let shared = Shared {
            disk,
            limits,
            http: client(Arc::clone(&extra_origins)),
            extra_origins,
            tasks,
            slots: Mutex::new(Slots { ready: LruCache::unbounded(), open: LruCache::unbounded() }),
            loaded,
            downloads: Semaphore::new(Self::MAX_DOWNLOADS),
            decoding: Semaphore::new(1),
        };
        (Covers(Arc::new(shared)), receiver)
    }

    /// Returns the cover of a URL, and starts loading it if necessary. Never waits.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn get(&self, url: &str) -> CoverState {
        if url.len() > Self::MAX_URL_BYTES {
            return CoverState::Failed(CoverError::NotAllowed);
        }
        let mut slots = lock(&self.0.slots);
        if let Some(cover) = slots.ready.get(url) {
            return CoverState::Ready(cover.clone());
        }
        match slots.open.get(url) {
            Some(Open::Pending) => return CoverState::Pending,
            Some(Open::Failed(error, until)) if Instant::now() < *until => return CoverState::Failed(error.clone()),
            Some(Open::Failed(..)) | None => {}
        }
        let Some(address) = self.0.allowed(url) else {
            return CoverState::Failed(CoverError::NotAllowed);
        };
        if !slots.reserve(url, Self::MAX_OPEN) {
            return CoverState::Pending;
        }
        slots.open.put(url.to_owned(), Open::Pending);
        drop(slots);

        let (shared, url) = (self.0.clone(), url.to_owned());
        self.0.tasks.spawn_once("cover", async move {
            let result = shared.load(address).await;
            if let Err(error) = &result {
                tracing::debug!(%url, %error, "no cover");
            }
            shared.store(&url, result);
            // The receiver is gone while the package stops.
            let _ = shared.loaded.send(url).await;
        });
        CoverState::Pending
    }
}

impl Slots {
    /// Makes space for another open URL by dropping the oldest failure. Returns false if all of them are being loaded.
    fn reserve(&mut self, url: &str, max_open: usize) -> bool {
        if self.open.contains(url) || self.open.len() < max_open {
            return true;
        }
        let oldest = self.open.iter().rev().find(|(_, open)| matches!(open, Open::Failed(..)));
        let oldest = oldest.map(|(url, _)| url.clone());
        oldest.is_some_and(|url| self.open.pop(&url).is_some())
    }

    /// Drops the least recently used covers until the rest is within bounds. The last one always stays, or it would be loaded
    /// again and again.
    fn evict(&mut self, max_covers: usize, max_bytes: usize) {
        // Computed each time, because covers grow with their scaled forms.
        let mut bytes: usize = self.ready.iter().map(|(_, cover)| cover.bytes()).sum();
        while self.ready.len() > max_covers.max(1) || (self.ready.len() > 1 && bytes > max_bytes) {
            let Some((_, cover)) = self.ready.pop_lru() else { return };
            bytes = bytes.saturating_sub(cover.bytes());
        }
    }
}

impl Shared {
    /// Parses a URL, if covers may be loaded from it.
    fn allowed(&self, url: &str) -> Option<Url> {
        Url::parse(url).ok().filter(|url| is_allowed(url, &self.extra_origins))
    }

    async fn load(&self, url: Url) -> Result<Cover, CoverError> {
        if let Some(disk) = &self.disk
            && let Some(cover) = self.load_from(disk, &url).await
        {
            return Ok(cover);
        }
        let file = {
            let _permit = self.downloads.acquire().await;
            let download = self.download(url.clone());
            tokio::time::timeout(self.limits.timeout, download).await.map_err(|_| CoverError::TimedOut)??
        };
        let (file, cover) = self.decode(file).await?;
        if let Some(disk) = self.disk.clone() {
            // Not awaited, because the cover is already loaded.
            tokio::task::spawn_blocking(move || disk.put(url.as_str(), &file));
        }
        Ok(cover)
    }

    /// Loads a cover from the disk cache. Removes a file that can't be decoded.
    async fn load_from(&self, disk: &Disk, url: &Url) -> Option<Cover> {
        let (reader, address) = (disk.clone(), url.clone());
        let file = tokio::task::spawn_blocking(move || reader.get(address.as_str())).await.ok()??;
        match self.decode(file).await {
            Ok((_, cover)) => Some(cover),
            Err(_) => {
                let (disk, address) = (disk.clone(), url.clone());
                // Awaited, so that the new file is written after this.
                let _ = tokio::task::spawn_blocking(move || disk.remove(address.as_str())).await;
                None
            }
        }
    }

    /// Decodes a file, and returns the file with its cover.
    async fn decode(&self, file: Vec<u8>) -> Result<(Vec<u8>, Cover), CoverError> {
        let _permit = self.decoding.acquire().await;
        let pixels = self.limits.max_pixels;
        // A panic of the decoder becomes an error of the task.
        tokio::task::spawn_blocking(move || Cover::decode(&file, pixels).map(|cover| (file, cover)))
            .await
            .unwrap_or(Err(CoverError::NotAPicture))
    }

    async fn download(&self, url: Url) -> Result<Vec<u8>, CoverError> {
        let client = self.http.client().await.map_err(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "no cover can be fetched");
            CoverError::Network
        })?;
        let failed = |error: reqwest::Error| {
            tracing::debug!(error = &error as &dyn std::error::Error, "a cover can't be downloaded");
            if error.is_redirect() { CoverError::NotAllowed } else { CoverError::Network }
        };
        let response = client.get(url).send().await.map_err(failed)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(CoverError::Status(response.status().as_u16()));
        }
        let max_bytes = self.limits.max_file_bytes;
        if response.content_length().is_some_and(|length| length > max_bytes as u64) {
            return Err(CoverError::TooLarge);
        }
        read_body(response, max_bytes).await.map_err(failed)?.ok_or(CoverError::TooLarge)
    }

    fn store(&self, url: &str, result: Result<Cover, CoverError>) {
        let mut slots = lock(&self.slots);
        match result {
            Ok(cover) => {
                slots.open.pop(url);
                slots.ready.put(url.to_owned(), Arc::new(cover));
            }
            Err(error) => {
                if let Some(open) = slots.open.peek_mut(url) {
                    *open = Open::Failed(error, Instant::now() + self.limits.retry_after);
                }
            }
        }
        slots.evict(self.limits.max_covers, self.limits.max_bytes);
    }
}

/// Returns whether covers may be loaded from a URL: Spotify's image hosts over https on the default port, or an extra origin.
fn is_allowed(url: &Url, extra_origins: &[Origin]) -> bool {
    if !url.username().is_empty() || url.password().is_some() {
        return false;
    }
    if extra_origins.contains(&url.origin()) {
        return true;
    }
    let spotify = |host: &str| [".scdn.co", ".spotifycdn.com"].iter().any(|suffix| host.ends_with(suffix));
    url.scheme() == "https" && url.port().is_none() && url.domain().is_some_and(spotify)
}

/// Creates a client that follows redirects only to allowed URLs.
fn client(extra_origins: Arc<[Origin]>) -> Http {
    Http::with(move |client| {
        let extra_origins = Arc::clone(&extra_origins);
        let redirects = redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > 3 || !is_allowed(attempt.url(), &extra_origins) {
                attempt.error("redirected to where covers are not fetched from")
            } else {
                attempt.follow()
            }
        });
        // Pictures are already compressed.
        client.redirect(redirects).referer(false).no_gzip().pool_idle_timeout(IDLE_TIMEOUT)
    })
}

/// Locks a mutex, even if a holder has panicked: no value here can be left half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn picture(side: u32) -> Vec<u8> {
        let mut file = Vec::new();
        RgbImage::from_pixel(side, side, image::Rgb([200, 40, 30]))
            .write_to(&mut Cursor::new(&mut file), image::ImageFormat::Png)
            .expect("encoded");
        file
    }

    fn ok(body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    /// Starts a server that sends `answer` of each path verbatim and counts the requests.
    async fn server(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let origin = format!("http://{}", listener.local_addr().expect("address"));
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (answer, counted) = (answer.clone(), counted.clone());
                tokio::spawn(async move {
                    let mut request = vec![0; 4096];
                    let length = socket.read(&mut request).await.unwrap_or(0);
                    let request = String::from_utf8_lossy(&request[..length]).into_owned();
                    counted.fetch_add(1, Ordering::SeqCst);
                    let path = request.split(' ').nth(1).unwrap_or_default();
                    let _ = socket.write_all(&answer(path)).await;
                    let _ = socket.shutdown().await;
                });
            }
        });
        (origin, count)
    }

    fn limits(origin: &str) -> CoverLimits {
        CoverLimits { extra_origins: vec![origin.to_owned()], ..CoverLimits::default() }
    }

    fn error(state: CoverState) -> CoverError {
        match state {
            CoverState::Failed(error) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_spotifys_image_hosts_are_allowed() {
        let also = [Url::parse("http://127.0.0.1:4000").expect("url").origin()];
        let allowed = |url: &str| is_allowed(&Url::parse(url).expect("url"), &also);
        for url in [
            "https://i.scdn.co/image/ab67616d0000b273",
            "https://mosaic.scdn.co/640/x",
            "https://image-cdn-ak.spotifycdn.com/image/x",
            "http://127.0.0.1:4000/cover/1",
        ] {
            assert!(allowed(url), "{url}");
        }
        for url in [
            "http://i.scdn.co/image/x",
            "https://i.scdn.co:8443/image/x",
            "https://i.scdn.co.example.com/x",
            "https://evilscdn.co/x",
            "https://scdn.co@example.com/x",
            "https://user@i.scdn.co/x",
            "https://127.0.0.1/x",
            "http://127.0.0.1:4001/cover/1",
            "https://127.0.0.1:4000/cover/1",
            "http://localhost:4000/cover/1",
            "file:///etc/passwd",
            "data:image/png;base64,AAAA",
        ] {
            assert!(!allowed(url), "{url}");
        }
    }

    #[tokio::test]
    async fn concurrent_gets_share_one_request() {
        let (origin, requests) = server(|_| ok(&picture(64))).await;
        let (covers, mut loaded) = Covers::new(limits(&origin), Supervisor::new().0);
        let url = format!("{origin}/one");
        for _ in 0..10 {
            assert!(matches!(covers.get(&url), CoverState::Pending));
        }
        assert_eq!(loaded.recv().await.as_deref(), Some(&*url));
        assert!(covers.get(&url).ready().is_some());
        assert_eq!(requests.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn best_cover_is_the_smallest_sufficient_one() {
        let covers = |widths: &[u32]| -> Vec<(u32, String)> {
            widths.iter().enumerate().map(|(index, width)| (*width, format!("{index}:{width}"))).collect()
        };
        let spotifys = covers(&[640, 300, 64]);
        for (pixels, chosen) in [(0, "2:64"), (38, "2:64"), (64, "2:64"), (65, "1:300"), (300, "1:300"), (359, "0:640")]
        {
            assert_eq!(best_cover(&spotifys, pixels), Some(chosen), "{pixels}");
        }
        assert_eq!(best_cover(&spotifys, 900), Some("0:640"));
        assert_eq!(best_cover(&covers(&[64, 300, 640]), 100), Some("1:300"));
        assert_eq!(best_cover(&covers(&[0, 0]), 100), Some("0:0"));
        assert_eq!(best_cover(&covers(&[0, 64]), 100), Some("1:64"));
        assert_eq!(best_cover(&[], 100), None);
    }

    #[tokio::test]
    async fn cover_is_downloaded_once_over_restarts() {
        let folder = tempfile::tempdir().expect("folder");
        let (origin, requests) = server(|_| ok(&picture(64))).await;
        let limits = CoverLimits { folder: Some(folder.path().join("covers")), ..limits(&origin) };
        let url = format!("{origin}/one");
        let downloads = async || {
            let (covers, mut loaded) = Covers::new(limits.clone(), Supervisor::new().0);
            covers.get(&url);
            loaded.recv().await;
            assert!(covers.get(&url).ready().is_some());
            requests.load(Ordering::SeqCst)
        };
        assert_eq!(downloads().await, 1);
        let file = async || loop {
            // Written concurrently with the answer, so it may not exist yet.
            let files = std::fs::read_dir(folder.path().join("covers")).into_iter().flatten().flatten();
            match files.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "cover")) {
                Some(path) => return path,
                None => tokio::task::yield_now().await,
            }
        };
        let path = file().await;
        assert_eq!(downloads().await, 1);
        // Damaged on disk: downloaded again.
        let mut bytes = std::fs::read(&path).expect("read");
        bytes.truncate(bytes.len() - 9);
        std::fs::write(&path, bytes).expect("written");
        assert_eq!(downloads().await, 2);
        file().await;
        assert_eq!(downloads().await, 2);
    }

    #[tokio::test]
    async fn hostile_answers_are_errors() {
        let (origin, _) = server(|path| match path {
            "/cut" => ok(&picture(300)[..200]),
            "/text" => ok(b"<html>Not Found</html>"),
            "/empty" => ok(b""),
            "/long" => b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n".to_vec(),
            "/unbounded" => [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[0; 300_000]].concat(),
            "/away" => b"HTTP/1.1 302 Found\r\nlocation: http://localhost:1/\r\n\r\n".to_vec(),
            "/gone" => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            _ => b"garbage".to_vec(),
        })
        .await;
        let (covers, mut loaded) =
            Covers::new(CoverLimits { max_file_bytes: 200_000, ..limits(&origin) }, Supervisor::new().0);
        for (path, expected) in [
            ("cut", CoverError::NotAPicture),
            ("text", CoverError::NotAPicture),
            ("empty", CoverError::NotAPicture),
            ("long", CoverError::TooLarge),
            ("unbounded", CoverError::TooLarge),
            ("away", CoverError::NotAllowed),
            ("gone", CoverError::Status(404)),
            ("garbage", CoverError::Network),
        ] {
            let url = format!("{origin}/{path}");
            covers.get(&url);
            loaded.recv().await;
            assert_eq!(error(covers.get(&url)), expected, "{path}");
        }
        assert_eq!(error(covers.get("https://example.com/x.png")), CoverError::NotAllowed);
        assert_eq!(error(covers.get("not an address")), CoverError::NotAllowed);
    }

    #[tokio::test]
    async fn failure_is_cached_for_a_while() {
        let (origin, requests) = server(|_| ok(b"nothing")).await;
        let (covers, mut loaded) = Covers::new(limits(&origin), Supervisor::new().0);
        let url = format!("{origin}/x");
        covers.get(&url);
        loaded.recv().await;
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(error(covers.get(&url)), CoverError::NotAPicture);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(matches!(covers.get(&url), CoverState::Pending));
        tokio::time::resume();
        loaded.recv().await;
        assert_eq!(requests.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn silent_server_times_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let origin = format!("http://{}", listener.local_addr().expect("address"));
        let (covers, mut loaded) = Covers::new(limits(&origin), Supervisor::new().0);
        let url = format!("{origin}/x");
        covers.get(&url);
        loaded.recv().await;
        assert_eq!(error(covers.get(&url)), CoverError::TimedOut);
    }

    #[tokio::test]
    async fn cache_is_bounded_by_count_and_bytes() {
        let (origin, _) = server(|_| ok(&picture(100))).await;
        let (covers, mut loaded) = Covers::new(CoverLimits { max_covers: 3, ..limits(&origin) }, Supervisor::new().0);
        let url = |n: u32| format!("{origin}/{n}");
        let ready = |covers: &Covers| {
            let slots = lock(&covers.0.slots);
            let mut ready: Vec<String> = slots.ready.iter().map(|(url, _)| url.clone()).collect();
            ready.sort();
            ready
        };
        for n in 0..3 {
            covers.get(&url(n));
            loaded.recv().await;
        }
        // 0 is used again, so 1 is evicted.
        covers.get(&url(0));
        covers.get(&url(3));
        loaded.recv().await;
        assert_eq!(ready(&covers), [url(0), url(2), url(3)]);

        let (covers, mut loaded) =
            Covers::new(CoverLimits { max_bytes: 70_000, ..limits(&origin) }, Supervisor::new().0);
        for n in 0..5 {
            covers.get(&url(n));
            loaded.recv().await;
        }
        assert_eq!(ready(&covers), [url(3), url(4)]);
    }

    #[tokio::test]
    async fn open_covers_are_bounded() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let origin = format!("http://{}", listener.local_addr().expect("address"));
        let (covers, _arrived) = Covers::new(limits(&origin), Supervisor::new().0);
        for n in 0..200 {
            assert!(matches!(covers.get(&format!("{origin}/{n}")), CoverState::Pending));
        }
        assert_eq!(lock(&covers.0.slots).open.len(), Covers::MAX_OPEN);
    }

    #[test]
    fn huge_picture_is_refused_by_its_header() {
        // A PNG header for 60,000 x 60,000 pixels with a correct checksum, without pixel data.
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        file.extend_from_slice(&60_000u32.to_be_bytes());
        file.extend_from_slice(&60_000u32.to_be_bytes());
        file.extend_from_slice(&[8, 2, 0, 0, 0]);
        file.extend_from_slice(&crc(&file[12..]).to_be_bytes());
        file.extend_from_slice(b"\0\0\0\0IDAT\x35\xaf\x06\x1e");
        assert_eq!(Cover::decode(&file, 1280).err(), Some(CoverError::TooLarge));
        assert_eq!(Cover::decode(&picture(65), 64).err(), Some(CoverError::TooLarge));
    }

    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        })
    }

    fn jpeg(side: u32) -> Vec<u8> {
        let mut jpeg = Vec::new();
        RgbImage::from_fn(side, side, |x, y| image::Rgb([(x * 6) as u8, (y * 6) as u8, 90]))
            .write_to(&mut Cursor::new(&mut jpeg), image::ImageFormat::Jpeg)
            .expect("encoded");
        jpeg
    }

    fn deep_png(side: u32) -> Vec<u8> {
        let mut file = Vec::new();
        image::ImageBuffer::<image::Rgba<u16>, Vec<u16>>::from_pixel(side, side, image::Rgba([0x1234, 7, 9, 0xffff]))
            .write_to(&mut Cursor::new(&mut file), image::ImageFormat::Png)
            .expect("encoded");
        file
    }

    /// Returns a file whose header claims `side` pixels of width and height, and for a JPEG that it is progressive.
    fn claiming(mut file: Vec<u8>, side: u32) -> Vec<u8> {
        if file.starts_with(b"\x89PNG") {
            file[16..20].copy_from_slice(&side.to_be_bytes());
            file[20..24].copy_from_slice(&side.to_be_bytes());
            let crc = crc(&file[12..29]);
            file[29..33].copy_from_slice(&crc.to_be_bytes());
        } else {
            let frame = file.windows(2).position(|marker| marker == [0xff, 0xc0]).expect("a frame");
            file[frame + 1] = 0xc2;
            let side = u16::try_from(side).expect("a side").to_be_bytes();
            file[frame + 5..frame + 7].copy_from_slice(&side);
            file[frame + 7..frame + 9].copy_from_slice(&side);
        }
        file
    }

    #[test]
    fn pictures_of_any_format_are_bounded_by_their_pixels() {
        // Twice the width of Spotify's largest.
        assert_eq!(CoverLimits::default().max_pixels, 1280);
        let limit = 64;
        let decode = |file: Vec<u8>| Cover::decode(&file, limit).map(|_| ());
        for make in [jpeg, picture, deep_png] {
            assert_eq!(decode(make(limit)), Ok(()));
            assert_eq!(decode(make(limit + 1)), Err(CoverError::TooLarge));
            for side in [limit + 1, 4096, 65_535] {
                assert_eq!(decode(claiming(make(40), side)), Err(CoverError::TooLarge), "{side}");
            }
        }
    }

    #[test]
    fn false_headers_within_the_bounds_are_harmless() {
        let limit = 64;
        for make in [jpeg, picture, deep_png] {
            for side in [1, 39, 41, limit] {
                // An error, or a partial picture in no more memory than the header claims.
                if let Ok(cover) = Cover::decode(&claiming(make(40), side), limit) {
                    assert!(cover.bytes() <= (side * side * 3) as usize, "{side}");
                }
            }
            for side in [0, u32::from(u16::MAX)] {
                assert!(Cover::decode(&claiming(make(40), side), limit).is_err(), "{side}");
            }
        }
    }

    #[tokio::test]
    async fn cached_file_beyond_the_bounds_is_downloaded_again() {
        let folder = tempfile::tempdir().expect("folder");
        let (origin, requests) = server(|_| ok(&picture(64))).await;
        let limits = CoverLimits { folder: Some(folder.path().to_owned()), ..limits(&origin) };
        let url = format!("{origin}/one");
        // As a version with other bounds may have stored it.
        Disk::new(folder.path().to_owned(), 1 << 30, 1 << 30).put(&url, &picture(limits.max_pixels + 1));
        let (covers, mut loaded) = Covers::new(limits, Supervisor::new().0);
        covers.get(&url);
        loaded.recv().await;
        assert_eq!(covers.get(&url).ready().map(|cover| cover.picture.width()), Some(64));
        assert_eq!(requests.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn oversized_url_is_not_cached() {
        let (covers, _arrived) = Covers::new(limits("http://127.0.0.1:1"), Supervisor::new().0);
        let url = format!("http://127.0.0.1:1/{}", "x".repeat(Covers::MAX_URL_BYTES));
        assert_eq!(error(covers.get(&url)), CoverError::NotAllowed);
        assert!(lock(&covers.0.slots).open.is_empty());
    }

    #[test]
    fn truncated_picture_does_not_panic() {
        let jpeg = jpeg(40);
        assert!(Cover::decode(&jpeg, 1280).is_ok());
        // Some decoders return a partial picture, which is fine.
        for length in 0..jpeg.len() {
            let _ = Cover::decode(&jpeg[..length], 1280);
        }
        for length in 0..60 {
            assert!(Cover::decode(&picture(40)[..length], 1280).is_err());
        }
    }

    #[test]
    fn cover_is_scaled_in_proportion_and_cached() {
        let mut file = Vec::new();
        RgbImage::from_pixel(200, 100, image::Rgb([1, 2, 3]))
            .write_to(&mut Cursor::new(&mut file), image::ImageFormat::Png)
            .expect("encoded");
        let cover = Cover::decode(&file, 1280).expect("decoded");
        let scaled = cover.scaled(80).expect("scaled");
        assert_eq!((scaled.width(), scaled.height()), (80, 40));
        assert_eq!(scale(&RgbImage::new(4_000, 1), 80).map(|scaled| scaled.dimensions()), Some((80, 1)));
        assert!(Arc::ptr_eq(&scaled, &cover.scaled(80).expect("cached")));
        for px in 10..20 {
            cover.scaled(px);
        }
        assert_eq!(lock(&cover.scaled).len(), Cover::MAX_SIZES);
    }

    #[test]
    fn transparent_picture_becomes_opaque() {
        let mut file = Vec::new();
        image::RgbaImage::from_pixel(8, 8, image::Rgba([255, 255, 255, 0]))
            .write_to(&mut Cursor::new(&mut file), image::ImageFormat::Png)
            .expect("encoded");
        let cover = Cover::decode(&file, 1280).expect("decoded");
        let pixel = cover.scaled(8).and_then(|p| p.pixel(4, 4)).expect("pixel");
        assert_eq!((pixel.red(), pixel.alpha()), (colour::KEY.0, 255));
    }
}
