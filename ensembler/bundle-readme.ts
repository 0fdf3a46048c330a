/** LICENSES/README.txt of a bundle: what it is, how it is used, and whose terms hold. Plain text, so nothing to escape. */
export function bundleReadme(name: string): string {
  return `Voxhelm ensemble bundle: ${name.replace(/\p{Cc}/gu, ' ')}

To segment images (a NIfTI file, or a folder of them), without any server:

    npx voxhelm predict --bundle bundle.zip --input IMAGES --output RESULTS

Each result is written under its image's file name, on the image's own grid and affine. For models of several channels,
give one 4-D file per case, or one file per channel: CASE_0000.nii.gz, CASE_0001.nii.gz, ...

What is inside
    manifest.json   labels, modalities, members with their plans and scores, how they are fused, and the SHA-256 of every
                    file; a bundle that was changed is refused
    members/        weights of each member: safetensors, float32, in PyTorch's layout under MONAI's parameter names
    report.html     scores, curves and example slices; opens in any browser, offline

Terms
    The weights were learned from the dataset that manifest.json names by its fingerprint; that dataset's licence may bind
    what is made of it. Voxhelm itself is under the Apache License 2.0. Not a medical device: results need a person's
    judgement before they serve any patient.
`;
}
