#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What is in the packages: each file in the package where it belongs, owned by root, with no path of
# the build in it; what dpkg is told; and less than 2 MiB of jobd, jobctl and the library together.
set -eu
# shellcheck source=tests/packages/packages.sh
. "$(dirname "$0")/packages.sh"

need_packages
most=2097152
multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for name in jobd jobctl libjobctl1 libjobctl-dev; do
        dpkg-deb -R "$(deb $name)" "$scratch/$name"
        dpkg-deb -c "$(deb $name)" | awk '$2 != "root/root" || ($1 !~ /^l/ &&
                ($1 ~ /[sS]/ || substr($1, 6, 1) == "w" || substr($1, 9, 1) == "w"))' >"$scratch/odd"
        [ ! -s "$scratch/odd" ] || wrong "$name has odd owners or modes: $(cat "$scratch/odd")"
done

in=$scratch/jobd
has usr/sbin/jobd usr/libexec/jobd/jobd-worker etc/jobd/jobd.conf etc/jobd/worker-policy.conf \
        usr/lib/sysusers.d/jobd.conf usr/lib/tmpfiles.d/jobd.conf usr/lib/systemd/catalog/jobd.catalog \
        lib/systemd/system/jobd-metrics.service lib/systemd/system/jobd-metrics.timer \
        usr/share/man/man5/jobd.conf.5.gz usr/share/man/man8/jobd.8.gz usr/share/man/man8/jobd-worker.8.gz \
        usr/share/man/man7/jobd-sharing.7.gz usr/share/man/man7/jobd-protocol.7.gz
for unit in jobd.socket jobd.service jobd-workers.service; do
        has "lib/systemd/system/$unit" "usr/lib/systemd/user/$unit"
done
same 'ExecStart= of jobd' '/usr/sbin/jobd --system' "$(sed -n 's/^ExecStart=//p' "$in/lib/systemd/system/jobd.service")"
same 'the conffiles' '/etc/jobd/jobd.conf /etc/jobd/worker-policy.conf' "$(sort "$in/DEBIAN/conffiles" | paste -sd' ')"
# Everything in them is a comment: the programs' own defaults hold.
for file in jobd.conf worker-policy.conf; do
        same "what $file sets" '' "$(grep -Ev '^(#|\[|$)' "$in/etc/jobd/$file" || true)"
done
"$in/usr/sbin/jobd" --config "$in/etc/jobd/jobd.conf" --check-config >/dev/null || wrong 'jobd refuses its own jobd.conf'
grep -q 'deb-systemd-invoke stop jobd-workers.service jobd.service jobd.socket' "$in/DEBIAN/prerm" ||
        wrong 'a removal does not stop the workers first'
grep -Eq '(re)?start.* jobd-workers' "$in/DEBIAN/postinst" || wrong 'the workers are not started'
grep -Eq 'restart.*(jobd-workers|socket)' "$in/DEBIAN/postinst" && wrong 'an upgrade restarts what must go on'
[ ! -e "$in/DEBIAN/preinst" ] || wrong 'something is done before an upgrade, while the old programs work'
awk '/\$1.*= remove/ { removal = 1 } /stop/ && !removal { exit 1 } /^fi/ { removal = 0 }' "$in/DEBIAN/prerm" ||
        wrong 'an upgrade stops something'
for script in postinst prerm postrm; do
        sh -n "$in/DEBIAN/$script" || wrong "$script is no shell script"
done

in=$scratch/jobctl
has usr/bin/jobctl usr/share/man/man1/jobctl.1.gz usr/share/man/man1/jobctl-run.1.gz \
        usr/share/bash-completion/completions/jobctl usr/share/zsh/vendor-completions/_jobctl \
        usr/share/fish/vendor_completions.d/jobctl.fish
in=$scratch/libjobctl1
has "usr/lib/$multiarch/libjobctl.so.1" "usr/lib/$multiarch/libjobctl.so.1.0.0"
in=$scratch/libjobctl-dev
has usr/include/jobctl.h "usr/lib/$multiarch/libjobctl.so" "usr/lib/$multiarch/pkgconfig/jobctl.pc" \
        usr/share/man/man3/libjobctl.3.gz usr/share/doc/libjobctl-dev/jobd.proto

# zstd is no library that a program names, so nothing but the control file knows.
for name in jobd jobctl libjobctl1; do
        case ", $(dpkg-deb -f "$(deb $name)" Depends)," in
        *', libzstd1,'*) ;;
        *) wrong "$name does not depend on libzstd1" ;;
        esac
done

grep -rl -e "$work" -e "$top" "$scratch/jobd" "$scratch/jobctl" "$scratch/libjobctl1" "$scratch/libjobctl-dev" >&2 &&
        wrong 'a path of the build is in the files above'

sum=0
kib=0
for name in jobd jobctl libjobctl1; do
        bytes=$(find "$scratch/$name" -path "$scratch/$name/DEBIAN" -prune -o -type f -printf '%i %s\n' |
                sort -u | awk '{ s += $2 } END { print s }')
        printf '%s: %s bytes (Installed-Size: %s KiB)\n' $name "$bytes" "$(dpkg-deb -f "$(deb $name)" Installed-Size)"
        sum=$((sum + bytes))
        kib=$((kib + $(dpkg-deb -f "$(deb $name)" Installed-Size)))
done
[ "$sum" -lt $most ] || wrong "installed they are $sum bytes, not less than $most"
[ $kib -lt $((most / 1024)) ] || wrong "dpkg says that they take $kib KiB, not less than $((most / 1024))"
done_with "together $kib KiB by dpkg, $sum bytes, $((most - sum)) below 2 MiB"
