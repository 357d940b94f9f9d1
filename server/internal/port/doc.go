// Package port lets one port serve gRPC and HTTP: it looks at the first bytes of each connection and hands it to the
// server that speaks its protocol.
//
// A client of gRPC begins with HTTP/2's preface, whether it is encrypted or not; browsers, curl and proxies speak
// HTTP/1.1 unless they are told otherwise. Under TLS the port prefers http/1.1 where a client offers it beside h2,
// since such a client is none of gRPC, which offers h2 alone. A connection of HTTP/2 is gRPC's when its first request
// is, and stays what it is: whoever mixes both on one connection gets an error for what came second.
//
// Each connection has a goroutine of the splitter's until it is told apart, which takes at most patience; the listener
// below bounds how many there are. From then on reads and writes pass through: neither protocol's server pays for the
// other.
package port
