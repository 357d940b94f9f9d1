package client

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"google.golang.org/grpc/codes"
)

// DefaultPort is the port of an address that names none.
const DefaultPort = "7700"

// parseTarget turns an address into a target of gRPC and says whether it is on this machine.
func parseTarget(addr string) (target string, local bool, err error) {
	switch {
	case strings.TrimSpace(addr) != addr || addr == "":
		return "", false, badAddress(addr, "it is empty or has spaces around it")
	case strings.HasPrefix(addr, "unix:"), strings.HasPrefix(addr, "unix-abstract:"):
		return addr, true, nil
	case strings.HasPrefix(addr, "http://"), strings.HasPrefix(addr, "https://"):
		return "", false, badAddress(addr, "write host:port without http")
	}
	if scheme, rest, found := strings.Cut(addr, "://"); found {
		// A target of gRPC: scheme://authority/endpoint. Only an endpoint that names this machine is local.
		_, endpoint, _ := strings.Cut(rest, "/")
		host, _, splitErr := net.SplitHostPort(endpoint)
		if splitErr != nil {
			host = endpoint
		}
		return addr, (scheme == "dns" || scheme == "passthrough") && isLoopback(host), nil
	}
	host, port, err := splitHostPort(addr)
	if err != nil {
		return "", false, badAddress(addr, err.Error())
	}
	return "dns:///" + net.JoinHostPort(host, port), isLoopback(host), nil
}

func splitHostPort(addr string) (host, port string, err error) {
	if ip, parseErr := netip.ParseAddr(strings.Trim(addr, "[]")); parseErr == nil {
		return ip.String(), DefaultPort, nil // a bare IPv4 or IPv6 address
	}
	if !strings.Contains(addr, ":") {
		return addr, DefaultPort, nil
	}
	host, port, err = net.SplitHostPort(addr)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("it is not host:port")
	case port == "":
		return "", "", fmt.Errorf("the port is missing behind the colon")
	case host == "":
		host = "localhost"
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return "", "", fmt.Errorf("%q is not a port", port)
	}
	return host, port, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") || strings.HasSuffix(strings.ToLower(host), ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func badAddress(addr, why string) *Error {
	return &Error{
		Op: "dial", Code: codes.InvalidArgument,
		Message: fmt.Sprintf("%q is not an address: %s; give host:port, for example 127.0.0.1:7700", addr, why),
	}
}
