# five thousand files left behind
fix
mkdir -p scratch
for i in $(seq 50); do
    mkdir "scratch/$i"
    for j in $(seq 100); do echo "$i $j" >"scratch/$i/$j.txt"; done
done
