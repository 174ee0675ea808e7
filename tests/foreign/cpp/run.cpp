// A sample package in C++ with plain sockets and no libraries: it searches JSON as text. It greets with the host's
// language, switches its state when it is pressed, and executes the orders of its property view: a text "say" with frames
// in hexadecimal, so that a test controls every byte that is sent.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

static int wire = -1;

// Returns the text of a member, or an empty one. Hosts write JSON without spaces; contexts and languages need no escapes.
static std::string member(const std::string &json, const std::string &name) {
  const std::string start = "\"" + name + "\":\"";
  const size_t at = json.find(start);
  if (at == std::string::npos) return "";
  const size_t from = at + start.size();
  return json.substr(from, json.find('"', from) - from);
}

// Waits for data from the host. Exits when something happens on standard input: the host has closed it or ended.
static void wait_for_wire(int milliseconds) {
  pollfd both[2] = {{STDIN_FILENO, POLLIN, 0}, {wire, POLLIN, 0}};
  poll(both, wire < 0 ? 1 : 2, milliseconds);
  if (both[0].revents != 0) std::exit(0);
}

static bool read_all(void *into, size_t length) {
  char *at = static_cast<char *>(into);
  while (length > 0) {
    wait_for_wire(-1);
    const ssize_t got = read(wire, at, length);
    if (got <= 0) return false;
    at += got;
    length -= static_cast<size_t>(got);
  }
  return true;
}

static void send_frame(int kind, const std::string &content, bool is_last = true) {
  std::string frame(1, static_cast<char>((is_last ? 128 : 0) | kind));
  if (content.size() < 126) {
    frame += static_cast<char>(128 | content.size());
  } else {
    frame += static_cast<char>(128 | 127);
    for (int shift = 56; shift >= 0; shift -= 8) frame += static_cast<char>(content.size() >> shift);
  }
  // Masked with four zeros.
  frame += std::string(4, '\0') + content;
  for (size_t sent = 0; sent < frame.size();) {
    const ssize_t now = send(wire, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (now <= 0) return;
    sent += static_cast<size_t>(now);
  }
}

// Connects over IPv6 if the system supports it, else over IPv4.
static bool connect_to(uint16_t port) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  six.sin6_addr = in6addr_loopback;
  wire = socket(AF_INET6, SOCK_STREAM, 0);
  bool connected = wire >= 0 && connect(wire, reinterpret_cast<sockaddr *>(&six), sizeof six) == 0;
  std::string host = "[::1]";
  if (!connected) {
    if (wire >= 0) close(wire);
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    wire = socket(AF_INET, SOCK_STREAM, 0);
    connected = connect(wire, reinterpret_cast<sockaddr *>(&four), sizeof four) == 0;
    host = "127.0.0.1";
  }
  if (!connected) return false;
  const std::string request = "GET / HTTP/1.1\r\nHost: " + host + ":" + std::to_string(port) +
                              "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  if (send(wire, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return false;
  std::string answer;
  for (char byte; answer.size() < 4 || answer.compare(answer.size() - 4, 4, "\r\n\r\n") != 0; answer += byte) {
    if (!read_all(&byte, 1)) return false;
  }
  return true;
}

static bool receive(int &kind, std::string &content) {
  uint8_t head[2];
  if (!read_all(head, 2)) return false;
  uint64_t length = head[1] & 127;
  if (length >= 126) {
    uint8_t bytes[8];
    const size_t count = length == 126 ? 2 : 8;
    if (!read_all(bytes, count)) return false;
    length = 0;
    for (size_t n = 0; n < count; n++) length = length << 8 | bytes[n];
  }
  kind = head[0] & 15;
  content.resize(length);
  return read_all(&content[0], length);
}

static void obey(const std::string &order) {
  std::string content;
  for (size_t n = 1; n + 1 < order.size(); n += 2) {
    content += static_cast<char>(std::strtol(order.substr(n, 2).c_str(), nullptr, 16));
  }
  const size_t third = (content.size() + 2) / 3;
  switch (order[0]) {
    case 't': send_frame(1, content); break;
    case 'b': send_frame(2, content); break;
    case 'd': shutdown(wire, SHUT_RDWR); break;
    case 'f':
      send_frame(1, content.substr(0, third), false);
      send_frame(0, content.substr(third, third), false);
      send_frame(9, "between");
      send_frame(0, content.substr(2 * third));
      break;
  }
}

static void handle(const std::string &message, const std::string &language) {
  const std::string event = member(message, "event");
  const std::string about = ",\"context\":\"" + member(message, "context") + "\",\"payload\":";
  if (event == "widgetWillAppear") {
    send_frame(1, "{\"event\":\"changeTitle\"" + about + "{\"title\":\"C++ " + language + "\",\"state\":0}}");
  } else if (event == "actionTriggered" && message.find("\"state\":") != std::string::npos) {
    const bool is_on = message.find("\"state\":1") != std::string::npos;
    send_frame(1, "{\"event\":\"changeState\"" + about + "{\"state\":" + (is_on ? "0" : "1") + "}}");
  } else if (event == "sendToPackage") {
    std::string orders = member(message, "payload");
    if (orders.compare(0, 4, "say ") != 0) return;
    orders = orders.substr(4) + " ";
    for (size_t at = 0, end; (end = orders.find(' ', at)) != std::string::npos; at = end + 1) {
      obey(orders.substr(at, end - at));
    }
  }
}

int main(int count, char **arguments) {
  std::string port, uuid, event, info;
  for (int n = 1; n + 1 < count; n += 2) {
    const std::string name = arguments[n], value = arguments[n + 1];
    if (name == "-port") port = value;
    if (name == "-packageUUID") uuid = value;
    if (name == "-registerEvent") event = value;
    if (name == "-info") info = value;
  }
  const std::string language = member(info, "language");
  for (;;) {
    if (connect_to(static_cast<uint16_t>(std::atoi(port.c_str())))) {
      send_frame(1, "{\"event\":\"" + event + "\",\"uuid\":\"" + uuid + "\"}");
      int kind = 0;
      std::string content;
      while (receive(kind, content) && kind != 8) {
        if (kind == 1) handle(content, language);
        if (kind == 9) send_frame(10, content);
      }
    }
    if (wire >= 0) close(wire);
    wire = -1;
    // The vendor's samples wait 5 s here, which is too long for a test.
    wait_for_wire(50);
  }
}
