module github.com/identitymesh/identitymesh/build

go 1.26.0

require (
	github.com/identitymesh/identitymesh/engine v0.1.0
	github.com/identitymesh/identitymesh/sdk v0.1.0
)

require (
	github.com/cpuguy83/go-md2man/v2 v2.0.7 // indirect
	github.com/russross/blackfriday/v2 v2.1.0 // indirect
	github.com/urfave/cli/v2 v2.27.7 // indirect
	github.com/xrash/smetrics v0.0.0-20240521201337-686a1a2994c1 // indirect
	golang.org/x/mod v0.42.0 // indirect
)

replace github.com/identitymesh/identitymesh/sdk => ../sdk

replace github.com/identitymesh/identitymesh/engine => ../engine
