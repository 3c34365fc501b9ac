module github.com/identitymesh/identitymesh/plugins/keyvault

go 1.26.0

require github.com/identitymesh/identitymesh/sdk v0.1.0

replace github.com/identitymesh/identitymesh/sdk => ../../sdk
