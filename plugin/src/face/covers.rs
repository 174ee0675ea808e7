//! Cover pictures: fetched once, decoded once, scaled once for each size, kept within bounds, their files on disk too.
//!
//! A cover's address comes from a server's answer and its bytes from another server, so neither is trusted:
//! only https from Spotify's image hosts is asked, and a picture that is too long, too large, broken or not
//! a picture at all is an error that is remembered for a while, during which nobody asks again.

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
use crate::http::Http;
use crate::supervisor::Supervisor;

/// How long a connection is kept after a cover. Covers come a few at once and then for minutes none; a connection of before
/// a sleep of the computer would only be found dead.
const IDLE: Duration = Duration::from_secs(5);

/// Bounds on what covers may take. [`CoverLimits::default`] is what the package runs with.
#[derive(Debug, Clone)]
pub struct CoverLimits {
    /// Addresses besides Spotify's image hosts, as scheme, host and port ("http://127.0.0.1:4000"): for a
    /// simulated Spotify. What doesn't parse allows nothing.
    pub also_from: Vec<String>,
    /// Length of a picture's file, in bytes. Spotify's largest have some 200,000.
    pub file_bytes: usize,
    /// Width and height of a picture, in pixels, as its header says: a larger one is not decoded. Spotify's largest have
    /// 640; the time and the memory that one takes grow with the square.
    pub pixels: u32,
    /// Time from asking for a picture until it is here.
    pub time: Duration,
    /// Decoded covers that are kept.
    pub kept: usize,
    /// Memory of the decoded covers that are kept, in bytes.
    pub kept_bytes: usize,
    /// How long a failure is remembered.
    pub retry_after: Duration,
    /// The folder that files are kept in over a restart; none to keep none. It is for nothing else: old files in it are
    /// removed. It is made when the first cover comes.
    pub folder: Option<PathBuf>,
    /// Room that the files in the folder may take, in bytes.
    pub folder_bytes: u64,
}

impl Default for CoverLimits {
    fn default() -> Self {
        CoverLimits {
            also_from: Vec::new(),
            file_bytes: 2 << 20,
            pixels: 1280,
            time: Duration::from_secs(10),
            kept: 32,
            kept_bytes: 6 << 20,
            retry_after: Duration::from_secs(60),
            folder: None,
            folder_bytes: 16 << 20,
        }
    }
}

/// Where covers' files are kept: in the user's cache folder. None where there is no home.
#[must_use]
pub fn default_cover_folder() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "spotify-widgets").map(|folders| folders.cache_dir().join("covers"))
}

/// Why there is no cover.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoverError {
    /// Not an address that covers may come from.
    #[error("covers are not fetched from there")]
    NotAllowed,
    /// The server couldn't be reached, or the connection broke.
    #[error("the cover could not be fetched")]
    Network,
    /// The server answered something else than the picture.
    #[error("the image server answered with status {0}")]
    Status(u16),
    /// It took longer than [`CoverLimits::time`].
    #[error("the cover took too long")]
    TimedOut,
    /// The file is longer, or the picture larger, than the limits.
    #[error("the cover is too large")]
    TooLarge,
    /// Not a JPEG or PNG, or a broken one.
    #[error("the cover is not a picture that can be read")]
    NotAPicture,
}

/// What [`Covers::get`] knows.
#[derive(Debug, Clone)]
pub enum CoverState {
    /// Here it is.
    Ready(Arc<Cover>),
    /// It was asked for; the channel will say when it is here, or has failed. While very many are on their
    /// way a further one is not asked for yet: whoever draws again asks again.
    Pending,
    /// There is none for now.
    Failed(CoverError),
}

impl CoverState {
    /// The cover, if it is here.
    #[must_use]
    pub fn ready(&self) -> Option<&Arc<Cover>> {
        match self {
            CoverState::Ready(cover) => Some(cover),
            CoverState::Pending | CoverState::Failed(_) => None,
        }
    }
}

/// Of the sizes that Spotify offers a cover in, as widths and addresses, the smallest that is at least as wide as the
/// `pixels` that are needed, so that it is sharp and nothing is fetched in vain; else the widest.
///
/// Spotify's covers are 640, 300 and 64 pixels wide, widest first. A width of 0 stands for one that it didn't say: such
/// a cover is taken if there is nothing better, the first of them.
#[must_use]
pub fn best(covers: &[(u32, String)], pixels: u32) -> Option<&str> {
    let enough = covers.iter().filter(|(width, _)| *width >= pixels.max(1)).min_by_key(|(width, _)| *width);
    // Of several that are equal, `max_by_key` takes the last: the first, as they come from behind.
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
    /// What Spotify's largest covers have. A larger picture is reduced to it: no face shows more than 432 pixels, and
    /// scaling twice costs sharpness.
    const LARGEST: u32 = 640;
    /// A Panel rarely shows one cover in more sizes at a time.
    const SIZES: usize = 4;

    /// Decodes a JPEG or PNG file of at most `pixels` width and height.
    ///
    /// # Errors
    /// [`CoverError::TooLarge`] and [`CoverError::NotAPicture`].
    pub fn decode(file: &[u8], pixels: u32) -> Result<Cover, CoverError> {
        let mut reader =
            ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(|_| CoverError::NotAPicture)?;
        let mut limits = Limits::default();
        limits.max_image_width = Some(pixels);
        limits.max_image_height = Some(pixels);
        // Room for the picture at 8 bits a channel, and the decoder's own of the same size.
        limits.max_alloc = Some(u64::from(pixels) * u64::from(pixels) * 8);
        reader.limits(limits);
        let picture = reader.decode().map_err(|error| match error {
            image::ImageError::Limits(_) => CoverError::TooLarge,
            _ => CoverError::NotAPicture,
        })?;
        let picture = flatten(picture);
        let picture = if picture.width().max(picture.height()) > Self::LARGEST {
            scale(&picture, Self::LARGEST).ok_or(CoverError::NotAPicture)?
        } else {
            picture
        };
        let background = colour::dominant(&imageops::thumbnail(&picture, 48, 48)).behind_text();
        Ok(Cover { picture, background, scaled: Mutex::new(Vec::new()) })
    }

    /// The colour to put behind text beside this cover.
    pub(super) fn background(&self) -> Rgb {
        self.background
    }

    /// The whole picture within `px` by `px` pixels, its sides in proportion.
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
        if scaled.len() >= Self::SIZES {
            scaled.remove(0);
        }
        scaled.push((px, pixmap.clone()));
        Some(pixmap)
    }

    /// The sizes that it was drawn in and that are kept.
    #[cfg(test)]
    pub(super) fn kept_sizes(&self) -> Vec<u32> {
        lock(&self.scaled).iter().map(|(size, _)| *size).collect()
    }

    /// Memory that this and its scaled forms take, in bytes.
    fn bytes(&self) -> usize {
        let scaled: usize = lock(&self.scaled).iter().map(|(_, pixmap)| pixmap.data().len()).sum();
        self.picture.as_raw().len() + scaled
    }
}

/// A picture so that its longer side has `px` pixels, as sharp as can be; none for a picture without pixels.
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

/// Puts a picture that may be transparent on a key's background: covers are opaque.
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

/// The covers that are here, on their way, or known not to come.
///
/// Cheap to clone; all clones share one store.
#[derive(Clone)]
pub struct Covers(Arc<Shared>);

struct Shared {
    limits: CoverLimits,
    also_from: Arc<[Origin]>,
    tasks: Supervisor,
    slots: Mutex<Slots>,
    arrived: mpsc::Sender<String>,
    http: Http,
    disk: Option<Disk>,
    downloads: Semaphore,
    /// One at a time: a picture at the limits takes 13 MB while it is decoded, and up to 50 ms.
    decoding: Semaphore,
}

/// The covers of all addresses, those used last first.
struct Slots {
    /// Bounded by [`CoverLimits::kept`] and [`CoverLimits::kept_bytes`].
    ready: LruCache<String, Arc<Cover>>,
    /// Bounded by [`Covers::OPEN`].
    open: LruCache<String, Open>,
}

/// A cover that isn't here.
enum Open {
    Pending,
    Failed(CoverError, Instant),
}

impl Covers {
    /// Downloads that run at a time.
    const AT_ONCE: usize = 4;
    /// Bytes of an address. Spotify's have some 70.
    const LONGEST: usize = 2048;
    /// Addresses that are on their way or remembered as failed; more are not begun.
    const OPEN: usize = 64;

    /// An empty store, and the channel on which it says the address of each cover that has arrived or
    /// failed. Whoever holds the other end is to draw what shows that cover again.
    ///
    /// Covers are fetched by `tasks`.
    pub fn new(limits: CoverLimits, tasks: Supervisor) -> (Covers, mpsc::Receiver<String>) {
        let (arrived, receiver) = mpsc::channel(16);
        let also_from: Arc<[Origin]> = limits
            .also_from
            .iter()
            .filter_map(|address| Url::parse(address).ok())
            .map(|url| url.origin())
            .filter(Origin::is_tuple)
            .collect();
        let disk = limits.folder.clone().map(|folder| Disk::new(folder, limits.folder_bytes, limits.file_bytes));
        let shared = Shared {
            disk,
            limits,
            http: client(Arc::clone(&also_from)),
            also_from,
            tasks,
            slots: Mutex::new(Slots { ready: LruCache::unbounded(), open: LruCache::unbounded() }),
            arrived,
            downloads: Semaphore::new(Self::AT_ONCE),
            decoding: Semaphore::new(1),
        };
        (Covers(Arc::new(shared)), receiver)
    }

    /// The cover at an address. Asks for it if nobody has; never waits.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn get(&self, url: &str) -> CoverState {
        if url.len() > Self::LONGEST {
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
        if !slots.make_room(url, Self::OPEN) {
            return CoverState::Pending;
        }
        slots.open.put(url.to_owned(), Open::Pending);
        drop(slots);

        let (shared, url) = (self.0.clone(), url.to_owned());
        self.0.tasks.spawn_once("cover", async move {
            let result = shared.bring(address).await;
            if let Err(error) = &result {
                tracing::debug!(%url, %error, "no cover");
            }
            shared.settle(&url, result);
            // Nobody listens any more while the package stops.
            let _ = shared.arrived.send(url).await;
        });
        CoverState::Pending
    }
}

impl Slots {
    /// Makes room for one more open address; false when all of them are on their way.
    fn make_room(&mut self, url: &str, most: usize) -> bool {
        if self.open.contains(url) || self.open.len() < most {
            return true;
        }
        let oldest = self.open.iter().rev().find(|(_, open)| matches!(open, Open::Failed(..)));
        let oldest = oldest.map(|(url, _)| url.clone());
        oldest.is_some_and(|url| self.open.pop(&url).is_some())
    }

    /// Drops the covers that were not used for longest, until the rest is within bounds. One always stays:
    /// a store without room for what it was just given would fetch it again and again.
    fn shrink(&mut self, kept: usize, kept_bytes: usize) {
        // Counted each time: covers grow with the sizes that they are drawn in.
        let mut bytes: usize = self.ready.iter().map(|(_, cover)| cover.bytes()).sum();
        while self.ready.len() > kept.max(1) || (self.ready.len() > 1 && bytes > kept_bytes) {
            let Some((_, cover)) = self.ready.pop_lru() else { return };
            bytes = bytes.saturating_sub(cover.bytes());
        }
    }
}

impl Shared {
    /// The address, if covers may come from there.
    fn allowed(&self, url: &str) -> Option<Url> {
        Url::parse(url).ok().filter(|url| is_allowed(url, &self.also_from))
    }

    async fn bring(&self, url: Url) -> Result<Cover, CoverError> {
        if let Some(disk) = &self.disk
            && let Some(cover) = self.bring_from(disk, &url).await
        {
            return Ok(cover);
        }
        let file = {
            let _turn = self.downloads.acquire().await;
            let download = self.download(url.clone());
            tokio::time::timeout(self.limits.time, download).await.map_err(|_| CoverError::TimedOut)??
        };
        let (file, cover) = self.decode(file).await?;
        if let Some(disk) = self.disk.clone() {
            // Nobody waits for it: the cover is here.
            tokio::task::spawn_blocking(move || disk.put(url.as_str(), &file));
        }
        Ok(cover)
    }

    /// The cover as it was kept on disk. A file that is no picture any more is removed.
    async fn bring_from(&self, disk: &Disk, url: &Url) -> Option<Cover> {
        let (reader, address) = (disk.clone(), url.clone());
        let file = tokio::task::spawn_blocking(move || reader.get(address.as_str())).await.ok()??;
        match self.decode(file).await {
            Ok((_, cover)) => Some(cover),
            Err(_) => {
                let (disk, address) = (disk.clone(), url.clone());
                // The new file is written only after this.
                let _ = tokio::task::spawn_blocking(move || disk.remove(address.as_str())).await;
                None
            }
        }
    }

    /// Decodes a file, and gives it back with what it shows.
    async fn decode(&self, file: Vec<u8>) -> Result<(Vec<u8>, Cover), CoverError> {
        let _turn = self.decoding.acquire().await;
        let pixels = self.limits.pixels;
        // A decoder that panics after all ends as an error of the task.
        tokio::task::spawn_blocking(move || Cover::decode(&file, pixels).map(|cover| (file, cover)))
            .await
            .unwrap_or(Err(CoverError::NotAPicture))
    }

    async fn download(&self, url: Url) -> Result<Vec<u8>, CoverError> {
        let client = self.http.client().await.map_err(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "no cover can be fetched");
            CoverError::Network
        })?;
        let mut response = client
            .get(url)
            .send()
            .await
            .map_err(|error| if error.is_redirect() { CoverError::NotAllowed } else { CoverError::Network })?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(CoverError::Status(response.status().as_u16()));
        }
        let most = self.limits.file_bytes;
        if response.content_length().is_some_and(|length| length > most as u64) {
            return Err(CoverError::TooLarge);
        }
        let mut file = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| CoverError::Network)? {
            if file.len() + chunk.len() > most {
                return Err(CoverError::TooLarge);
            }
            file.extend_from_slice(&chunk);
        }
        Ok(file)
    }

    fn settle(&self, url: &str, result: Result<Cover, CoverError>) {
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
        slots.shrink(self.limits.kept, self.limits.kept_bytes);
    }
}

/// Spotify's image hosts over https, on the usual port, and what was allowed besides.
fn is_allowed(url: &Url, also_from: &[Origin]) -> bool {
    if !url.username().is_empty() || url.password().is_some() {
        return false;
    }
    if also_from.contains(&url.origin()) {
        return true;
    }
    let spotify = |host: &str| [".scdn.co", ".spotifycdn.com"].iter().any(|suffix| host.ends_with(suffix));
    url.scheme() == "https" && url.port().is_none() && url.domain().is_some_and(spotify)
}

/// A client that follows redirects only to where covers may come from.
fn client(also_from: Arc<[Origin]>) -> Http {
    Http::with(move |client| {
        let also_from = Arc::clone(&also_from);
        let redirects = redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > 3 || !is_allowed(attempt.url(), &also_from) {
                attempt.error("redirected to where covers are not fetched from")
            } else {
                attempt.follow()
            }
        });
        // Pictures are compressed already.
        client.redirect(redirects).referer(false).no_gzip().pool_idle_timeout(IDLE)
    })
}

/// A lock whose holder has panicked guards nothing that could be half done here.
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

    /// A server that gives each path's answer as it is and counts the requests.
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
        CoverLimits { also_from: vec![origin.to_owned()], ..CoverLimits::default() }
    }

    fn error(state: CoverState) -> CoverError {
        match state {
            CoverState::Failed(error) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_spotifys_image_hosts_are_asked() {
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
    async fn one_request_serves_all_who_ask() {
        let (origin, requests) = server(|_| ok(&picture(64))).await;
        let (covers, mut arrived) = Covers::new(limits(&origin), Supervisor::new().0);
        let url = format!("{origin}/one");
        for _ in 0..10 {
            assert!(matches!(covers.get(&url), CoverState::Pending));
        }
        assert_eq!(arrived.recv().await.as_deref(), Some(&*url));
        assert!(covers.get(&url).ready().is_some());
        assert_eq!(requests.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn the_smallest_file_that_is_large_enough_is_chosen() {
        let covers = |widths: &[u32]| -> Vec<(u32, String)> {
            widths.iter().enumerate().map(|(place, width)| (*width, format!("{place}:{width}"))).collect()
        };
        let spotifys = covers(&[640, 300, 64]);
        for (pixels, chosen) in [(0, "2:64"), (38, "2:64"), (64, "2:64"), (65, "1:300"), (300, "1:300"), (359, "0:640")]
        {
            assert_eq!(best(&spotifys, pixels), Some(chosen), "{pixels}");
        }
        assert_eq!(best(&spotifys, 900), Some("0:640"));
        assert_eq!(best(&covers(&[64, 300, 640]), 100), Some("1:300"));
        assert_eq!(best(&covers(&[0, 0]), 100), Some("0:0"));
        assert_eq!(best(&covers(&[0, 64]), 100), Some("1:64"));
        assert_eq!(best(&[], 100), None);
    }

    #[tokio::test]
    async fn a_cover_is_fetched_once_over_restarts() {
        let folder = tempfile::tempdir().expect("folder");
        let (origin, requests) = server(|_| ok(&picture(64))).await;
        let limits = CoverLimits { folder: Some(folder.path().join("covers")), ..limits(&origin) };
        let url = format!("{origin}/one");
        let fetched = async || {
            let (covers, mut arrived) = Covers::new(limits.clone(), Supervisor::new().0);
            covers.get(&url);
            arrived.recv().await;
            assert!(covers.get(&url).ready().is_some());
            requests.load(Ordering::SeqCst)
        };
        assert_eq!(fetched().await, 1);
        let file = async || loop {
            // Written beside the answer: it is there soon.
            let files = std::fs::read_dir(folder.path().join("covers")).into_iter().flatten().flatten();
            match files.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "cover")) {
                Some(path) => return path,
                None => tokio::task::yield_now().await,
            }
        };
        let path = file().await;
        assert_eq!(fetched().await, 1);
        // Damaged on disk: fetched again.
        let mut bytes = std::fs::read(&path).expect("read");
        bytes.truncate(bytes.len() - 9);
        std::fs::write(&path, bytes).expect("written");
        assert_eq!(fetched().await, 2);
        file().await;
        assert_eq!(fetched().await, 2);
    }

    #[tokio::test]
    async fn hostile_answers_are_errors() {
        let (origin, _) = server(|path| match path {
            "/cut" => ok(&picture(300)[..200]),
            "/text" => ok(b"<html>Not Found</html>"),
            "/empty" => ok(b""),
            "/long" => b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n".to_vec(),
            "/unsaid" => [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[0; 300_000]].concat(),
            "/away" => b"HTTP/1.1 302 Found\r\nlocation: http://localhost:1/\r\n\r\n".to_vec(),
            "/gone" => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            _ => b"garbage".to_vec(),
        })
        .await;
        let (covers, mut arrived) =
            Covers::new(CoverLimits { file_bytes: 200_000, ..limits(&origin) }, Supervisor::new().0);
        for (path, expected) in [
            ("cut", CoverError::NotAPicture),
            ("text", CoverError::NotAPicture),
            ("empty", CoverError::NotAPicture),
            ("long", CoverError::TooLarge),
            ("unsaid", CoverError::TooLarge),
            ("away", CoverError::NotAllowed),
            ("gone", CoverError::Status(404)),
            ("garbage", CoverError::Network),
        ] {
            let url = format!("{origin}/{path}");
            covers.get(&url);
            arrived.recv().await;
            assert_eq!(error(covers.get(&url)), expected, "{path}");
        }
        assert_eq!(error(covers.get("https://example.com/x.png")), CoverError::NotAllowed);
        assert_eq!(error(covers.get("not an address")), CoverError::NotAllowed);
    }

    #[tokio::test]
    async fn a_failure_is_remembered_for_a_while() {
        let (origin, requests) = server(|_| ok(b"nothing")).await;
        let (covers, mut arrived) = Covers::new(limits(&origin), Supervisor::new().0);
        let url = format!("{origin}/x");
        covers.get(&url);
        arrived.recv().await;
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(error(covers.get(&url)), CoverError::NotAPicture);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(matches!(covers.get(&url), CoverState::Pending));
        tokio::time::resume();
        arrived.recv().await;
        assert_eq!(requests.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let origin = format!("http://{}", listener.local_addr().expect("address"));
        let (covers, mut arrived) = Covers::new(limits(&origin), Supervisor::new().0);
        let url = format!("{origin}/x");
        covers.get(&url);
        arrived.recv().await;
        assert_eq!(error(covers.get(&url)), CoverError::TimedOut);
    }

    #[tokio::test]
    async fn the_store_stays_within_its_bounds() {
        let (origin, _) = server(|_| ok(&picture(100))).await;
        let (covers, mut arrived) = Covers::new(CoverLimits { kept: 3, ..limits(&origin) }, Supervisor::new().0);
        let url = |n: u32| format!("{origin}/{n}");
        let ready = |covers: &Covers| {
            let slots = lock(&covers.0.slots);
            let mut ready: Vec<String> = slots.ready.iter().map(|(url, _)| url.clone()).collect();
            ready.sort();
            ready
        };
        for n in 0..3 {
            covers.get(&url(n));
            arrived.recv().await;
        }
        // 0 is used again, so 1 is the one to go.
        covers.get(&url(0));
        covers.get(&url(3));
        arrived.recv().await;
        assert_eq!(ready(&covers), [url(0), url(2), url(3)]);

        let (covers, mut arrived) =
            Covers::new(CoverLimits { kept_bytes: 70_000, ..limits(&origin) }, Supervisor::new().0);
        for n in 0..5 {
            covers.get(&url(n));
            arrived.recv().await;
        }
        assert_eq!(ready(&covers), [url(3), url(4)]);
    }

    #[tokio::test]
    async fn no_more_than_so_many_are_open() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let origin = format!("http://{}", listener.local_addr().expect("address"));
        let (covers, _arrived) = Covers::new(limits(&origin), Supervisor::new().0);
        for n in 0..200 {
            assert!(matches!(covers.get(&format!("{origin}/{n}")), CoverState::Pending));
        }
        assert_eq!(lock(&covers.0.slots).open.len(), Covers::OPEN);
    }

    #[test]
    fn a_huge_picture_is_refused_by_its_header() {
        // A PNG header that says 60,000 x 60,000, with its right checksum; there are no pixels behind it.
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

    /// A file whose header says that the picture is `side` pixels wide and high, and progressive where it is a JPEG.
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
    fn pictures_of_any_form_are_bounded_by_their_pixels() {
        // Twice as wide as Spotify's largest, in the package.
        assert_eq!(CoverLimits::default().pixels, 1280);
        let most = 64;
        let decode = |file: Vec<u8>| Cover::decode(&file, most).map(|_| ());
        for make in [jpeg, picture, deep_png] {
            assert_eq!(decode(make(most)), Ok(()));
            assert_eq!(decode(make(most + 1)), Err(CoverError::TooLarge));
            for side in [most + 1, 4096, 65_535] {
                assert_eq!(decode(claiming(make(40), side)), Err(CoverError::TooLarge), "{side}");
            }
        }
    }

    #[test]
    fn headers_that_lie_within_the_bounds_are_harmless() {
        let most = 64;
        for make in [jpeg, picture, deep_png] {
            for side in [1, 39, 41, most] {
                // An error, or what there is of it, in no more room than the header says.
                if let Ok(cover) = Cover::decode(&claiming(make(40), side), most) {
                    assert!(cover.bytes() <= (side * side * 3) as usize, "{side}");
                }
            }
            for side in [0, u32::from(u16::MAX)] {
                assert!(Cover::decode(&claiming(make(40), side), most).is_err(), "{side}");
            }
        }
    }

    #[tokio::test]
    async fn kept_file_beyond_the_bounds_is_fetched_anew() {
        let folder = tempfile::tempdir().expect("folder");
        let (origin, requests) = server(|_| ok(&picture(64))).await;
        let limits = CoverLimits { folder: Some(folder.path().to_owned()), ..limits(&origin) };
        let url = format!("{origin}/one");
        // As a version with other bounds has left it.
        Disk::new(folder.path().to_owned(), 1 << 30, 1 << 30).put(&url, &picture(limits.pixels + 1));
        let (covers, mut arrived) = Covers::new(limits, Supervisor::new().0);
        covers.get(&url);
        arrived.recv().await;
        assert_eq!(covers.get(&url).ready().map(|cover| cover.picture.width()), Some(64));
        assert_eq!(requests.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn address_without_end_is_not_kept() {
        let (covers, _arrived) = Covers::new(limits("http://127.0.0.1:1"), Supervisor::new().0);
        let url = format!("http://127.0.0.1:1/{}", "x".repeat(Covers::LONGEST));
        assert_eq!(error(covers.get(&url)), CoverError::NotAllowed);
        assert!(lock(&covers.0.slots).open.is_empty());
    }

    #[test]
    fn every_cut_of_a_picture_is_an_error() {
        let jpeg = jpeg(40);
        assert!(Cover::decode(&jpeg, 1280).is_ok());
        // Some decoders show what they have of a picture; it must not be a panic, that is all.
        for length in 0..jpeg.len() {
            let _ = Cover::decode(&jpeg[..length], 1280);
        }
        for length in 0..60 {
            assert!(Cover::decode(&picture(40)[..length], 1280).is_err());
        }
    }

    #[test]
    fn a_cover_is_scaled_whole() {
        let mut file = Vec::new();
        RgbImage::from_pixel(200, 100, image::Rgb([1, 2, 3]))
            .write_to(&mut Cursor::new(&mut file), image::ImageFormat::Png)
            .expect("encoded");
        let cover = Cover::decode(&file, 1280).expect("decoded");
        let scaled = cover.scaled(80).expect("scaled");
        assert_eq!((scaled.width(), scaled.height()), (80, 40));
        assert_eq!(scale(&RgbImage::new(4_000, 1), 80).map(|scaled| scaled.dimensions()), Some((80, 1)));
        assert!(Arc::ptr_eq(&scaled, &cover.scaled(80).expect("kept")));
        for px in 10..20 {
            cover.scaled(px);
        }
        assert_eq!(lock(&cover.scaled).len(), Cover::SIZES);
    }

    #[test]
    fn a_transparent_picture_becomes_opaque() {
        let mut file = Vec::new();
        image::RgbaImage::from_pixel(8, 8, image::Rgba([255, 255, 255, 0]))
            .write_to(&mut Cursor::new(&mut file), image::ImageFormat::Png)
            .expect("encoded");
        let cover = Cover::decode(&file, 1280).expect("decoded");
        let pixel = cover.scaled(8).and_then(|p| p.pixel(4, 4)).expect("pixel");
        assert_eq!((pixel.red(), pixel.alpha()), (colour::KEY.0, 255));
    }
}
