package replog

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Files of a folder of keys. A node needs the authority's certificate, and its own certificate and key.
const (
	AuthorityCert = "authority.crt"
	AuthorityKey  = "authority.key" // signs further nodes; no node reads it
)

// keyLife is how long keys are good for.
const keyLife = 10 * 365 * 24 * time.Hour

// MakeKeys writes an authority of the cluster's own and keys of its nodes into a folder, which must not have an
// authority yet. The authority vouches for nobody else, so its name on a certificate is all that nodes ask for.
func MakeKeys(dir, cluster string, peers map[string]string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	authority := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Akin cluster " + cluster}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, MaxPathLenZero: true,
	}
	if err := writeKey(dir, AuthorityCert, AuthorityKey, authority, authority, key, key); err != nil {
		return err
	}
	for node, addr := range peers {
		host, _, err := splitAddress(addr)
		if err != nil {
			return err
		}
		own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		cert := &x509.Certificate{
			Subject: pkix.Name{CommonName: node}, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		if ip := net.ParseIP(host); ip != nil {
			cert.IPAddresses = []net.IP{ip}
		} else {
			cert.DNSNames = []string{host}
		}
		if err := writeKey(dir, node+".crt", node+".key", cert, authority, own, key); err != nil {
			return err
		}
	}
	return nil
}

// writeKey signs a certificate and writes it with its key. Existing files stay as they are, as an error.
func writeKey(dir, certFile, keyFile string, cert, parent *x509.Certificate, own, signer *ecdsa.PrivateKey) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	cert.SerialNumber = serial
	cert.NotBefore = time.Now().Add(-time.Hour) // clocks of nodes differ
	cert.NotAfter = cert.NotBefore.Add(keyLife)
	signed, err := x509.CreateCertificate(rand.Reader, cert, parent, &own.PublicKey, signer)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return err
	}
	if err := writeNew(filepath.Join(dir, keyFile), "PRIVATE KEY", private, 0o600); err != nil {
		return err
	}
	return writeNew(filepath.Join(dir, certFile), "CERTIFICATE", signed, 0o644)
}

func writeNew(path, kind string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	return errors.Join(pem.Encode(f, &pem.Block{Type: kind, Bytes: content}), f.Close())
}

// Keys reads what a node proves itself by. Both ends of a connection between nodes must have a certificate of the same
// authority.
func Keys(dir, node string) (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(filepath.Join(dir, node+".crt"), filepath.Join(dir, node+".key"))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, AuthorityCert))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", filepath.Join(dir, AuthorityCert))
	}
	return &tls.Config{
		Certificates: []tls.Certificate{own}, RootCAs: pool, ClientCAs: pool, MinVersion: tls.VersionTLS13,
		ClientAuth: tls.RequireAndVerifyClientCert,
	}, nil
}
