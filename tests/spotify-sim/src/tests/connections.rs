//! Tests of connections over real sockets: protocol, counts, closing and the delay of a new one.

use super::*;

fn http2() -> Client {
    drop(client());
    Client::builder().http2_prior_knowledge().no_proxy().build().expect("a client")
}

async fn api(sim: &Sim, client: &Client) -> reqwest::Result<Response> {
    client.get(format!("{}/me", sim.api_url())).send().await
}

#[tokio::test]
async fn both_protocols_are_served_and_counted() {
    let sim = Sim::start(stopped()).await.expect("started");
    let (old, new) = (client(), http2());
    for client in [&old, &new, &new, &old] {
        let answer = api(&sim, client).await.expect("an answer");
        let expected = if std::ptr::eq(client, &old) { reqwest::Version::HTTP_11 } else { reqwest::Version::HTTP_2 };
        assert_eq!((answer.status(), answer.version()), (StatusCode::UNAUTHORIZED, expected));
        answer.bytes().await.expect("read to its end");
    }
    let one = Count { accepted: 1, open: 1 };
    let expected = Connections { accepted: 2, open: 2, http1: one, http2: one, idle_closed: 0 };
    assert_eq!(sim.connections(), expected);
    let requests: Vec<_> = sim.requests().iter().map(|request| (request.connection, request.protocol)).collect();
    let (first, second) = ((1, Protocol::Http1), (2, Protocol::Http2));
    assert_eq!(requests, [first, second, second, first]);
    drop((old, new));
    sim.wait_for_connections(TIMEOUT, |connections| connections.open == 0).await.expect("closed");
    let closed = Count { accepted: 1, open: 0 };
    assert_eq!((sim.connections().http1, sim.connections().http2), (closed, closed));
}

#[tokio::test]
async fn many_requests_share_one_http2_connection() {
    let sim = Sim::start(Config { latency: Duration::from_millis(20), ..stopped() }).await.expect("started");
    let client = http2();
    api(&sim, &client).await.expect("an answer");
    let answers = tokio::join!(api(&sim, &client), api(&sim, &client), api(&sim, &client));
    assert!(answers.0.is_ok() && answers.1.is_ok() && answers.2.is_ok());
    assert_eq!(sim.connections().accepted, 1);
}

#[tokio::test]
async fn drop_fault_closes_the_whole_http2_connection() {
    let sim = Sim::start(stopped()).await.expect("started");
    let client = http2();
    api(&sim, &client).await.expect("an answer");
    sim.inject(Fault::drop_connection().times(1));
    assert!(api(&sim, &client).await.is_err());
    sim.wait_for_connections(TIMEOUT, |connections| connections.http2.open == 0).await.expect("closed");
    assert_eq!(sim.requests().last().map(|request| request.reply), Some(Reply::Dropped));
    api(&sim, &client).await.expect("a new connection");
    assert_eq!(sim.connections().http2.accepted, 2);
}

#[tokio::test]
async fn refusing_network_closes_idle_http2_connections() {
    let sim = Sim::start(stopped()).await.expect("started");
    let client = http2();
    api(&sim, &client).await.expect("an answer");
    sim.set_network(Network::Refusing);
    sim.wait_for_connections(TIMEOUT, |connections| connections.open == 0).await.expect("closed");
}

/// Repeats a request until it is answered: on a busy computer a connection may be idle too long before its first request.
async fn retry_until_answered(sim: &Sim, client: &Client) -> Response {
    for _ in 0..100 {
        if let Ok(answer) = api(sim, client).await {
            return answer;
        }
    }
    panic!("no answer");
}

#[tokio::test]
async fn idle_close_applies_only_to_http1() {
    let sim = Sim::start(Config { idle_close: Some(Duration::from_millis(100)), ..stopped() }).await.expect("started");
    let (old, new) = (client(), http2());
    retry_until_answered(&sim, &new).await;
    retry_until_answered(&sim, &old).await.bytes().await.expect("read to its end");
    let idle = |connections: Connections| connections.http1.accepted > 0 && connections.http1.open == 0;
    sim.wait_for_connections(TIMEOUT, idle).await.expect("closed");
    let before = sim.connections();
    assert_eq!((before.idle_closed > 0, before.http2.open), (true, 1));
    let silent = tokio::net::TcpStream::connect(sim.address()).await.expect("connected");
    sim.wait_for_connections(TIMEOUT, move |now| now.idle_closed > before.idle_closed).await.expect("closed");
    drop(silent);
    retry_until_answered(&sim, &old).await;
    assert!(sim.connections().http1.accepted > before.http1.accepted);
}

#[tokio::test]
async fn request_longer_than_the_idle_time_is_answered() {
    let config = Config { idle_close: Some(Duration::from_millis(20)), ..stopped() };
    let sim = Sim::start(config).await.expect("started");
    sim.inject(Fault::delay(Duration::from_millis(200)).times(1));
    retry_until_answered(&sim, &client()).await;
    assert_eq!(sim.requests()[0].status(), Some(401), "the delayed request");
}

#[tokio::test]
async fn accept_delay_applies_only_to_new_connections() {
    let delay = Duration::from_millis(80);
    let sim = Sim::start(Config { accept_delay: delay, ..stopped() }).await.expect("started");
    let client = http2();
    let start = std::time::Instant::now();
    api(&sim, &client).await.expect("an answer");
    assert!(start.elapsed() >= delay);
    assert!(sim.requests()[0].instant.duration_since(start) >= delay);
    api(&sim, &client).await.expect("an answer");
    assert_eq!(sim.connections().accepted, 1);
}

#[tokio::test]
async fn arrival_and_answer_times_are_comparable() {
    let latency = Duration::from_millis(30);
    let sim = Sim::start(Config { latency, ..stopped() }).await.expect("started");
    let client = client();
    api(&sim, &client).await.expect("an answer");
    api(&sim, &client).await.expect("an answer");
    let [first, second] = sim.requests().try_into().expect("two");
    let answered = first.answered_ns.expect("answered");
    assert!(answered - first.arrived_ns >= 30_000_000);
    assert!(second.arrived_ns > answered);
    let between = first.answered.expect("answered").duration_since(first.instant);
    assert_eq!(u128::from(answered - first.arrived_ns), between.as_nanos());
    let json = serde_json::to_value(&first).expect("JSON");
    assert_eq!((&json["arrived_ns"], &json["protocol"]), (&json!(first.arrived_ns), &json!("http/1.1")));
}
