#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The packages for Fedora and its kin build with Debian's rpmbuild. Looked into: files, what is a
# setting, what is needed, the scriptlets; and the programs run.
set -eu
# shellcheck source=tests/packages/packages.sh
. "$(dirname "$0")/packages.sh"

need_tools
rm -rf "$work/rpm-out"
sh "$top/packaging/build-rpm.sh" --work "$work/rpm" "$work/rpm-out" >/dev/null
arch=$(rpm --eval '%{_arch}')
libdir=$(rpm --eval '%{_libdir}')

# The answer of rpm about one package:  ask NAME QUERY...
ask() {
        name=$1
        shift
        rpm --dbpath "$work/rpm/db" -qp "$@" "$work/rpm-out/$name-$version-1.$arch.rpm"
}

# Checks that a package holds these files:  holds NAME PATH...
holds() {
        name=$1
        shift
        ask "$name" -l >"$work/rpm/files"
        for path; do
                grep -qxF "$path" "$work/rpm/files" || wrong "$name has no $path"
        done
}

holds jobd /usr/sbin/jobd /usr/libexec/jobd/jobd-worker /etc/jobd/jobd.conf /etc/jobd/worker-policy.conf \
        /usr/lib/systemd/system/jobd.socket /usr/lib/systemd/system/jobd.service \
        /usr/lib/systemd/system/jobd-workers.service /usr/lib/systemd/user/jobd.service \
        /usr/lib/systemd/system/jobd-metrics.timer /usr/lib/systemd/catalog/jobd.catalog \
        /usr/lib/sysusers.d/jobd.conf /usr/lib/tmpfiles.d/jobd.conf
holds jobctl /usr/bin/jobctl /usr/share/bash-completion/completions/jobctl \
        /usr/share/zsh/site-functions/_jobctl /usr/share/fish/vendor_completions.d/jobctl.fish
holds libjobctl "$libdir/libjobctl.so.1" "$libdir/libjobctl.so.1.0.0"
holds libjobctl-devel /usr/include/jobctl.h "$libdir/libjobctl.so" "$libdir/pkgconfig/jobctl.pc"
same 'the settings' '/etc/jobd/jobd.conf /etc/jobd/worker-policy.conf' "$(ask jobd -c | sort | paste -sd' ')"
for name in jobd jobctl libjobctl; do
        ask $name --requires | grep -q '^libzstd\.so\.1' || wrong "$name does not need libzstd"
done
ask jobd --requires | grep -q "^jobctl.* = $version-1" || wrong 'jobd does not need its jobctl'

# One scriptlet, as it will run:  scriptlet NAME
scriptlet() {
        ask jobd --qf "%{$1}\n"
}
for script in POSTIN PREUN POSTUN; do
        scriptlet $script | sh -n || wrong "$script is no shell script"
done
scriptlet PREUN | grep -q 'stop jobd-workers.service jobd.service jobd.socket' || wrong 'the workers do not stop first'
scriptlet POSTIN | grep -q 'start jobd.socket jobd.service jobd-workers.service' || wrong 'nothing is started'
same 'what an upgrade restarts' '                systemctl try-restart jobd.service || :' \
        "$(scriptlet POSTIN | grep restart)"
# They run where there is no systemd, too, and hurt nobody.
mkdir -p "$work/rpm/no-systemd"
for script in POSTIN PREUN POSTUN; do
        scriptlet $script >"$work/rpm/scriptlet"
        for instances in 0 1 2; do
                env PATH="$work/rpm/no-systemd" /bin/sh -eu "$work/rpm/scriptlet" $instances >/dev/null 2>&1 ||
                        wrong "$script $instances fails without systemd"
        done
done

rm -rf "$work/rpm/unpacked"
mkdir "$work/rpm/unpacked"
for name in jobd jobctl; do
        rpm2archive -n <"$work/rpm-out/$name-$version-1.$arch.rpm" | tar -C "$work/rpm/unpacked" -xf -
done
same 'jobd --version' "jobd $version" "$("$work/rpm/unpacked/usr/sbin/jobd" --version)"
same 'jobctl --version' "jobctl $version" "$("$work/rpm/unpacked/usr/bin/jobctl" --version)"
done_with "built: $(cd "$work/rpm-out" && echo *)"
