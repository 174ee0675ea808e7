//! Connections over real sockets: their protocol, their number, their end and what a new one costs.

use super::*;

fn http2() -> Client {
    drop(client());
    Client::builder().http2_prior_knowledge().no_proxy().build().expect("a client")
}

async fn api(sim: &Sim, client: &Client) -> reqwest::Result<Response> {
    client.get(format!("{}/me", sim.api_url())).send().await
}

#[tokio::test]
async fn both_protocols_are_served_on_one_port_and_counted() {
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
    sim.wait_for_connections(SOON, |connections| connections.open == 0).await.expect("closed");
    let gone = Count { accepted: 1, open: 0 };
    assert_eq!((sim.connections().http1, sim.connections().http2), (gone, gone));
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
async fn a_drop_closes_a_whole_http2_connection() {
    let sim = Sim::start(stopped()).await.expect("started");
    let client = http2();
    api(&sim, &client).await.expect("an answer");
    sim.inject(Fault::drop_connection().times(1));
    assert!(api(&sim, &client).await.is_err());
    sim.wait_for_connections(SOON, |connections| connections.http2.open == 0).await.expect("closed");
    assert_eq!(sim.requests().last().map(|request| request.reply), Some(Reply::Dropped));
    api(&sim, &client).await.expect("a new connection");
    assert_eq!(sim.connections().http2.accepted, 2);
    sim.set_network(Network::Refusing);
    sim.wait_for_connections(SOON, |connections| connections.open == 0).await.expect("an idle one is closed, too");
}

/// Asks until there is an answer: on a busy computer a connection may count as idle before its first request is there.
async fn insist(sim: &Sim, client: &Client) -> Response {
    for _ in 0..100 {
        if let Ok(answer) = api(sim, client).await {
            return answer;
        }
    }
    panic!("no answer");
}

#[tokio::test]
async fn idle_http1_connections_are_closed_and_http2_ones_stay() {
    let sim = Sim::start(Config { idle_close: Some(Duration::from_millis(100)), ..stopped() }).await.expect("started");
    let (old, new) = (client(), http2());
    insist(&sim, &new).await;
    insist(&sim, &old).await.bytes().await.expect("read to its end");
    let idle = |connections: Connections| connections.http1.accepted > 0 && connections.http1.open == 0;
    sim.wait_for_connections(SOON, idle).await.expect("closed");
    let before = sim.connections();
    assert_eq!((before.idle_closed > 0, before.http2.open), (true, 1));
    let silent = tokio::net::TcpStream::connect(sim.address()).await.expect("connected");
    sim.wait_for_connections(SOON, move |now| now.idle_closed > before.idle_closed).await.expect("closed");
    drop(silent);
    insist(&sim, &old).await;
    assert!(sim.connections().http1.accepted > before.http1.accepted);
}

#[tokio::test]
async fn a_request_that_takes_longer_than_the_idle_time_is_answered() {
    let config = Config { idle_close: Some(Duration::from_millis(20)), ..stopped() };
    let sim = Sim::start(config).await.expect("started");
    sim.inject(Fault::delay(Duration::from_millis(200)).times(1));
    insist(&sim, &client()).await;
    assert_eq!(sim.requests()[0].status(), Some(401), "the one that was delayed");
}

#[tokio::test]
async fn a_new_connection_costs_the_delay_and_an_open_one_nothing() {
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
async fn the_journal_tells_arrival_and_answer_on_one_scale() {
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
