package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// healthTimeout bounds the question and its answer.
const healthTimeout = 3 * time.Second

// newHealth asks the server that runs with the same settings how it is, for whoever watches containers.
func newHealth() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the server on this machine whether it is healthy",
		Long: `health asks the server that listens on --addr of this machine, with the settings that the server was given. It
ends with 0 when the server answers calls, with 1 while it loads, drains or cannot be reached. It needs no token.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.fill(cmd.Flags(), os.LookupEnv); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), healthTimeout)
			defer cancel()
			return askHealth(ctx, s.addr, s.tlsCert != "")
		},
	}
	s.register(cmd.Flags())
	return cmd
}

func askHealth(ctx context.Context, addr string, encrypted bool) error {
	target, err := ownTarget(addr)
	if err != nil {
		return err
	}
	transport := insecure.NewCredentials()
	if encrypted {
		// The certificate names the server as others call it. Nothing secret is sent, and nothing is believed but a word.
		transport = credentials.NewTLS(&tls.Config{InsecureSkipVerify: true}) //nolint:gosec // see above
	}
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(transport))
	if err != nil {
		return err
	}
	defer conn.Close()
	answer, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	if err != nil {
		return fmt.Errorf("%s: %w", addr, err)
	}
	if answer.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		return errors.New(addr + ": " + answer.GetStatus().String())
	}
	return nil
}

// ownTarget is where this machine reaches a server that listens on addr.
func ownTarget(addr string) (string, error) {
	if strings.HasPrefix(addr, unixPrefix) {
		return addr, nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("--addr %q: give host:port, for example %s", addr, defaultAddr)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "dns:///" + net.JoinHostPort(host, port), nil
}
