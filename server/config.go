package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"
)

// variablePrefix begins the environment variables of settings: AKIN_SERVER_METRICS_ADDR is --metrics-addr. AKIN_ADDR
// and others without SERVER are those of the client.
const variablePrefix = "AKIN_SERVER_"

func variableOf(flag string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// nameVariables tells each flag's variable in its help.
func nameVariables(f *pflag.FlagSet) {
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Name != "check-config" {
			flag.Usage += " [" + variableOf(flag.Name) + "]"
		}
	})
}

// fill sets what no flag has given: by the environment, else by the file. All faults are told at once.
func (s *settings) fill(f *pflag.FlagSet, lookup func(string) (string, bool)) error {
	if path, ok := lookup(variableOf("config")); ok && !f.Changed("config") {
		s.config = path
	}
	file := map[string]any{}
	if s.config != "" {
		if _, err := toml.DecodeFile(s.config, &file); err != nil {
			return fmt.Errorf("--config %s: %w", s.config, err)
		}
	}
	var faults []error
	f.VisitAll(func(flag *pflag.Flag) {
		if slices.Contains([]string{"config", "check-config", "help", "version"}, flag.Name) {
			return
		}
		written, inFile := file[flag.Name]
		delete(file, flag.Name)
		if flag.Changed {
			return
		}
		if value, ok := lookup(variableOf(flag.Name)); ok {
			if err := f.Set(flag.Name, value); err != nil {
				faults = append(faults, fmt.Errorf("%s=%q: %w", variableOf(flag.Name), value, err))
			}
			return
		}
		if !inFile {
			return
		}
		switch written := written.(type) {
		case string, int64, float64, bool:
			if err := f.Set(flag.Name, fmt.Sprint(written)); err != nil {
				faults = append(faults, fmt.Errorf("%s: %s = %v: %w", s.config, flag.Name, written, err))
			}
		case []any:
			if err := setList(flag, written); err != nil {
				faults = append(faults, fmt.Errorf("%s: %s: %w", s.config, flag.Name, err))
			}
		default:
			faults = append(faults, fmt.Errorf("%s: %s is no text, number or true or false", s.config, flag.Name))
		}
	})
	for _, name := range slices.Sorted(maps.Keys(file)) {
		faults = append(faults, fmt.Errorf("%s: there is no setting %q; akin-server -h tells all", s.config, name))
	}
	switch {
	case !f.Changed("traces-share"):
		s.traces.Share = -1 // the variables of OpenTelemetry, or the default
	case s.traces.Share < 0:
		faults = append(faults, fmt.Errorf("--traces-share %v: give a share of 0 to 1", s.traces.Share))
	}
	return errors.Join(faults...)
}

// setList sets a flag that takes several texts from a list of them.
func setList(flag *pflag.Flag, written []any) error {
	list, ok := flag.Value.(pflag.SliceValue)
	if !ok {
		return errors.New("takes one value, not a list")
	}
	texts := make([]string, len(written))
	for i, value := range written {
		if texts[i], ok = value.(string); !ok {
			return errors.New("takes a list of texts")
		}
	}
	return list.Replace(texts)
}
