# What the proxy's container runs: nginx with the settings that its variables complete, in the one folder that it may write to.
set -e
envsubst '$LISTEN $PORT $TRUSTED $PRODUCT $USERS $INVENTORY' </opt/nginx.conf.template >/tmp/nginx.conf
exec nginx -e stderr -p /tmp -c /tmp/nginx.conf -g 'daemon off;'
