package web

// The bundles of the islands and of the styles. esbuild is a Go program, pinned with the other tools of the build, so
// that no Node is needed.
//
//go:generate -command esbuild go tool -modfile=../../../.ci/tools/go.mod esbuild --bundle --minify --format=esm
//go:generate esbuild --charset=utf8 --target=es2022 --outdir=static src/app.ts src/app.css src/map.ts src/map.css
