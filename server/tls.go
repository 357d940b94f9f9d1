package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificateCheck is how often a handshake looks whether the certificate's files have changed.
const certificateCheck = 10 * time.Second

// serverTLS serves the certificate in two files, read again when they change, so that a renewal needs no restart.
func serverTLS(certFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	c.checked = time.Now()
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}, nil
}

// askForCertificates lets clients bring certificates that an authority has signed. One without may still have a token,
// and needs neither for health checks.
func askForCertificates(settings *tls.Config, authority string) error {
	pem, err := os.ReadFile(authority)
	if err != nil {
		return fmt.Errorf("--tls-client-ca: %w", err)
	}
	settings.ClientCAs = x509.NewCertPool()
	if !settings.ClientCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("--tls-client-ca: %s holds no certificate", authority)
	}
	settings.ClientAuth = tls.VerifyClientCertIfGiven
	return nil
}

// certificate is a key pair on disk.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu       sync.Mutex
	pair     *tls.Certificate
	modified [2]time.Time // of the files that pair was read from
	checked  time.Time
}

// current is the newest pair that could be read: a half-written renewal is tried again and the old one served
// meanwhile.
func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) < certificateCheck {
		return c.pair
	}
	c.checked = time.Now()
	if modified, err := c.times(); err != nil || modified == c.modified {
		return c.pair
	}
	if err := c.load(); err != nil {
		c.log.Error("the new certificate cannot be read, the old one stays", "error", err)
	} else {
		c.log.Info("certificate read again", "file", c.certFile)
	}
	return c.pair
}

// load reads the pair. Times are taken first: a file changed while it is read is read again at the next check.
func (c *certificate) load() error {
	modified, err := c.times()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.pair, c.modified = &pair, modified
	return nil
}

func (c *certificate) times() (times [2]time.Time, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return times, err
		}
		times[i] = info.ModTime()
	}
	return times, nil
}
