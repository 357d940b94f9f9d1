package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"github.com/akin-search/akin/client"
)

// setting is one value that a flag, an environment variable or the config file may give, in this order; the first that
// does counts.
type setting struct {
	key      string // of the flag and of the config file
	variable string
	value    string // the default
	help     string
}

func settingsTable() []setting {
	return []setting{
		{"addr", "AKIN_ADDR", "127.0.0.1:7700", "address of the server, host:port"},
		{"token", "AKIN_TOKEN", "", "token sent with each call; better in AKIN_TOKEN, where ps does not show it"},
		{"tls", "AKIN_TLS", "auto", "on, off, or auto: on unless the address is of this machine"},
		{"ca", "AKIN_CA", "", "PEM file of the authority that signed the server's certificate (default: the system's)"},
		{"timeout", "AKIN_TIMEOUT", "30s", "deadline of one call; does not count for imports, exports, training and backups"},
		{"color", "AKIN_COLOR", "auto", "always, never, or auto: on a terminal, unless NO_COLOR is set"},
	}
}

// settings are the values in force.
type settings struct {
	addr, token, tls, ca, color string
	timeout                     time.Duration
}

func addSettings(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	for _, s := range settingsTable() {
		help := s.help
		if s.value != "" {
			help += " (default " + s.value + ")"
		}
		flags.String(s.key, "", help+"; "+s.variable)
	}
	flags.String("config", "", "config file; AKIN_CONFIG (default akin/config.toml in your configuration folder)")
	flags.Bool("json", false, "print JSON for programs instead of tables for people")
}

// resolve reads flags, environment and config file.
func resolve(cmd *cobra.Command, env *Env) (settings, error) {
	file, err := readConfig(cmd, env)
	if err != nil {
		return settings{}, err
	}
	values := map[string]string{}
	for _, s := range settingsTable() {
		flag := cmd.Flag(s.key)
		fromFile, inFile := file[s.key]
		switch {
		case flag.Changed:
			values[s.key] = flag.Value.String()
		case env.Getenv(s.variable) != "":
			values[s.key] = env.Getenv(s.variable)
		case inFile:
			values[s.key] = fromFile
		default:
			values[s.key] = s.value
		}
	}
	timeout, err := time.ParseDuration(values["timeout"])
	if err != nil || timeout <= 0 {
		return settings{}, usagef("the timeout %q is not a positive duration such as 30s or 2m", values["timeout"])
	}
	got := settings{
		addr: values["addr"], token: values["token"], tls: values["tls"], ca: values["ca"], color: values["color"],
		timeout: timeout,
	}
	if err := oneOf("tls", got.tls, "auto", "on", "off"); err != nil {
		return settings{}, err
	}
	return got, oneOf("color", got.color, "auto", "always", "never")
}

// readConfig returns the values of the config file by key. Only a file that was asked for must exist.
func readConfig(cmd *cobra.Command, env *Env) (map[string]string, error) {
	path, asked := cmd.Flag("config").Value.String(), true
	if path == "" {
		path = env.Getenv("AKIN_CONFIG")
	}
	if path == "" {
		path, asked = env.ConfigFile, false
	}
	values := map[string]string{}
	if path == "" {
		return values, nil
	}
	meta, err := toml.DecodeFile(path, &values)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		return values, nil
	}
	if err != nil {
		return nil, usagef("config file %s: %w", path, err)
	}
	known := map[string]bool{}
	var names []string
	for _, s := range settingsTable() {
		known[s.key] = true
		names = append(names, s.key)
	}
	for _, key := range meta.Keys() {
		if !known[key.String()] {
			return nil, usagef("config file %s: %q is not a setting; there are %s", path, key, strings.Join(names, ", "))
		}
	}
	return values, nil
}

func oneOf(name, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return usagef("%s is %q; it must be one of %s", name, value, strings.Join(allowed, ", "))
}

// dial connects as the settings say, with further options.
func (s settings) dial(further ...client.Option) (*client.Client, error) {
	opts := append([]client.Option{client.WithToken(s.token), client.WithTimeout(s.timeout)}, further...)
	switch {
	case s.tls == "off":
		opts = append(opts, client.WithPlaintext())
		if s.ca != "" {
			return nil, usagef("--ca names an authority for TLS, which --tls off turns off")
		}
	case s.ca != "":
		roots, err := readRoots(s.ca)
		if err != nil {
			return nil, err
		}
		opts = append(opts, client.WithTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}))
	case s.tls == "on":
		opts = append(opts, client.WithTLS(nil))
	}
	return client.Dial(s.addr, opts...)
}

func readRoots(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("--ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, usageError{fmt.Errorf("--ca: there is no PEM certificate in %s", path)}
	}
	return roots, nil
}
